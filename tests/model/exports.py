"""Small models with random weights in both layouts, and the vocabulary of a tokenizer trained for tests."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from pipeline.model.config import ModelConfig
from pipeline.model.transformer import Transformer
from pipeline.model.vocabulary import Vocabulary
from pipeline.tokens.bpe import Tokenizer
from stages.export import describe
from tests.tokens.material import trained

VOCAB_SIZE = 800


def small_model(
    layout: str, *, vocab_size: int = VOCAB_SIZE, context_tokens: int = 64, **changes: Any
) -> Transformer:
    """A model of 2 layers: `qwen3` has QK-norm and an untied head, `llama` a tied one and grouped heads.

    `changes` are to its config.
    """
    config = ModelConfig(
        num_layers=2,
        width=64,
        num_heads=4,
        num_kv_heads=4 if layout == "qwen3" else 2,
        mlp="swiglu",
        mlp_width=96,
        norm="rmsnorm",
        norm_place="pre",
        qk_norm=layout == "qwen3",
        positions="rope",
        rope_theta=10000.0,
        sliding_window_tokens=None,
        document_attention=True,
        tied_embeddings=layout == "llama",
        dropout=0.0,
        initialization="zero_output",
        vocab_size=vocab_size,
        context_tokens=context_tokens,
        norm_epsilon=1e-6,
        bos_id=1,
        eos_id=2,
        pad_id=3,
    )
    config = dataclasses.replace(config, **changes)
    model, generator = Transformer(config), torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=0.1, generator=generator)
    return model.eval()


def small_tokenizer() -> Tokenizer:
    """A tokenizer of VOCAB_SIZE pieces."""
    return Tokenizer(trained(vocab_size=VOCAB_SIZE).model, origin="here")


def small_vocabulary() -> Vocabulary:
    """The same as the export formats see it."""
    return describe(small_tokenizer())
