"""Larger and smaller models of the same proportions, and the one that suits a time.

For a given amount of arithmetic there is a best size: a larger model sees too little text, a smaller one has
no room for what it sees. "Training Compute-Optimal Large Language Models" (Hoffmann et al., 2022) finds about
20 tokens for each parameter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch

from pipeline.model.config import ModelConfig
from pipeline.model.transformer import Transformer
from pipeline.model.utilization import flops_per_token, multiplied_weights

TOKENS_PER_WEIGHT = 20.0
MOST_HEADS = 64
_STEP = 32  # what widths are multiples of


@dataclasses.dataclass(frozen=True, slots=True)
class Size:
    """A model and what it costs: weights that are multiplied, operations for a token of training."""

    config: ModelConfig
    weights: int
    flops_per_token: float


def sized(config: ModelConfig) -> Size:
    """What the model costs, without making it."""
    with torch.device("meta"):
        model = Transformer(config)
    return Size(config, multiplied_weights(model), flops_per_token(model))


def best_size(config: ModelConfig, *, flops: float) -> Size:
    """Of the models with these proportions the largest that sees 20 tokens a weight within the operations,
    else the smallest.
    """
    sizes = map(sized, proportional(config))
    best = next(sizes)
    for size in sizes:
        if flops / size.flops_per_token < TOKENS_PER_WEIGHT * size.weights:
            break
        best = size
    return best


def proportional(config: ModelConfig) -> Iterator[ModelConfig]:
    """The models with 1 to 64 heads of the same width, whose depth and MLP grow as the width does."""
    group = config.num_heads // config.num_kv_heads
    for heads in range(1, MOST_HEADS + 1):
        width = heads * config.head_width
        if width % _STEP or heads % min(group, heads):
            continue
        grown = width / config.width
        yield dataclasses.replace(
            config,
            width=width,
            num_heads=heads,
            num_kv_heads=heads // min(group, heads),
            num_layers=max(1, round(config.num_layers * grown)),
            mlp_width=max(1, round(config.mlp_width * grown / _STEP)) * _STEP,
        )
