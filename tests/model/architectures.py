"""Every choice of an architecture, alone and with others, as changes to the config of `trainings`."""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.model.config import ModelConfig
from tests.model.trainings import CONFIG

GPT2: dict[str, Any] = {
    "norm": "layernorm",
    "qk_norm": False,
    "positions": "learned",
    "rope_theta": None,
    "mlp": "gelu",
    "tied_embeddings": True,
    "document_attention": False,
    "initialization": "normal_002",
}
FIRST_TRANSFORMER: dict[str, Any] = {
    "norm": "layernorm",
    "norm_place": "post",
    "qk_norm": False,
    "positions": "sinusoidal",
    "rope_theta": None,
    "mlp": "relu",
    "initialization": "xavier",
}
CHOICES: dict[str, dict[str, Any]] = {
    "default": {},
    "llama, tied": {"qk_norm": False, "tied_embeddings": True},
    "layernorm": {"norm": "layernorm"},
    "post": {"norm_place": "post"},
    "learned": {"positions": "learned", "rope_theta": None},
    "sinusoidal": {"positions": "sinusoidal", "rope_theta": None},
    "sinusoidal, tied": {"positions": "sinusoidal", "rope_theta": None, "tied_embeddings": True},
    "gelu": {"mlp": "gelu"},
    "relu": {"mlp": "relu"},
    "relu2": {"mlp": "relu2"},
    "window": {"sliding_window_tokens": 5},
    "window of one": {"sliding_window_tokens": 1},
    "across documents": {"document_attention": False},
    "dropout": {"dropout": 0.3},
    "normal_002": {"initialization": "normal_002"},
    "xavier": {"initialization": "xavier"},
    "kaiming": {"initialization": "kaiming"},
    "kaiming, tied": {"initialization": "kaiming", "tied_embeddings": True},
    "gpt-2": GPT2,
    "first transformer": FIRST_TRANSFORMER,
    "odd head width": {"positions": "learned", "rope_theta": None, "width": 36, "num_heads": 12},
    "window, learned, post": {
        "sliding_window_tokens": 3,
        "positions": "learned",
        "rope_theta": None,
        "norm_place": "post",
        "mlp": "relu2",
        "initialization": "kaiming",
        "dropout": 0.1,
    },
}


def config_of(name: str, **more: Any) -> ModelConfig:
    """The config of the choice, with further changes."""
    return dataclasses.replace(CONFIG, **CHOICES[name], **more)
