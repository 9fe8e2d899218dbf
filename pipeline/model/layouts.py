"""Which layout of transformers and llama.cpp holds a model, and which of its settings none of them can."""

from __future__ import annotations

from typing import Literal

from pipeline.model.config import ModelConfig

Layout = Literal["Llama", "Mistral", "Qwen3"]

ONLY = {"norm": "rmsnorm", "norm_place": "pre", "positions": "rope", "mlp": "swiglu"}  # what all of them have


def layout(config: ModelConfig) -> Layout:
    """Qwen3 with QK-norm; without it Mistral with a sliding window, else Llama."""
    if config.qk_norm:
        return "Qwen3"
    return "Llama" if config.sliding_window_tokens is None else "Mistral"


def why_not_exported(config: ModelConfig) -> str | None:
    """One sentence that names the settings that no layout holds; None for a model that transformers opens."""
    inner = [
        f"pretrain.model.{name}: {getattr(config, name)} (only {held})"
        for name, held in ONLY.items()
        if getattr(config, name) != held
    ]
    if not inner:
        return None
    return f"Not exported: no Llama, Mistral or Qwen3 model has {' or '.join(inner)}."


def why_no_gguf(config: ModelConfig) -> str | None:
    """One sentence for a model that transformers opens and llama.cpp would run wrongly; else None."""
    window = config.sliding_window_tokens
    if window is None:
        return None
    return (
        "Not exported as GGUF: llama.cpp's Llama and Qwen3 have no sliding window "
        f"(pretrain.model.sliding_window_tokens: {window}, only null)."
    )
