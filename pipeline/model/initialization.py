"""The first weights of a model, and the loss that they imply.

Every matrix is drawn from a normal distribution; the schemes differ in its standard deviation. Norms start
as the plain normalization, embedding tables (which are looked up, so have no inputs to add up) at the
config's `embedding_deviation`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import nn

from pipeline.model.config import ModelConfig
from pipeline.model.transformer import Transformer

INTO_STREAM = ("o_proj", "down_proj")  # what leads into the residual stream
REPEATING_SHARE = 0.05  # of targets that are the token before them, at most
TARGET_NOISE = 0.5  # of a logit's deviation: see `first_losses`


@dataclasses.dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix to be filled: what its name ends in, and how many inputs and outputs it has."""

    role: str  # q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj or lm_head
    inputs: int
    outputs: int


def zero_output(matrix: Matrix, config: ModelConfig) -> float:
    """What leads into the residual stream, and the head, start at zero: a new block is the identity."""
    return 0.0 if matrix.role in (*INTO_STREAM, "lm_head") else math.pow(matrix.inputs, -0.5)


def normal_002(matrix: Matrix, config: ModelConfig) -> float:
    """0.02; less into the residual stream, which adds up two outputs a layer (GPT-2)."""
    return 0.02 / (math.sqrt(2 * config.num_layers) if matrix.role in INTO_STREAM else 1.0)


def xavier(matrix: Matrix, config: ModelConfig) -> float:
    """Between what keeps the variance on the way forward and on the way back (Glorot and Bengio, 2010)."""
    return math.sqrt(2 / (matrix.inputs + matrix.outputs))


def kaiming(matrix: Matrix, config: ModelConfig) -> float:
    """Keeps the variance on the way forward, twice as much behind an activation that cuts half of it
    (arXiv:1502.01852).
    """
    return math.sqrt((2 if matrix.role == "down_proj" else 1) / matrix.inputs)


SCHEMES: dict[str, Callable[[Matrix, ModelConfig], float]] = {
    "zero_output": zero_output,
    "normal_002": normal_002,
    "xavier": xavier,
    "kaiming": kaiming,
}


def initialize(model: Transformer, *, seed: int) -> None:
    """Fills the weights of a new model by its config's scheme: the same seed, the same weights, whatever was
    drawn before.
    """
    config, generator = model.config, torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            nn.init.ones_(parameter)
            continue
        role = name.split(".")[-2]
        deviation = config.embedding_deviation
        if not role.startswith("embed_"):
            deviation = SCHEMES[config.initialization](Matrix(role, *parameter.shape[::-1]), config)
        if deviation:
            nn.init.normal_(parameter, std=deviation, generator=generator)
        else:
            nn.init.zeros_(parameter)


def head_deviation(config: ModelConfig) -> float:
    """The standard deviation of a new head's weights."""
    if config.tied_embeddings:
        return config.embedding_deviation
    return SCHEMES[config.initialization](Matrix("lm_head", config.width, config.vocab_size), config)


def first_losses(config: ModelConfig) -> tuple[float, float]:
    """The lowest and the highest loss from which a new model can start, in nats per token.

    A head of deviation s reads D normalized inputs, so a logit's deviation is n = s sqrt(D) and the mean of
    exp(logit) over the vocabulary at most exp(n^2 / 2): the loss lies between ln V and ln V + n^2 / 2. A tied
    table recognizes the token that it read: that logit is s D at most and adds exp(s D) to the sum, or s D
    to the target's own logit where a token repeats. The mean of the targets' logits is not quite 0: its
    deviation is n times the root of the chance that two targets are the same token (1 in 25 in a batch of
    64), here 2.5 such deviations. A hundredth of ln V is left for rounding: all there is with a head of 0.
    """
    uniform, deviation = math.log(config.vocab_size), head_deviation(config)
    spread = deviation * config.width**0.5
    recognized = deviation * config.width if config.tied_embeddings else 0.0
    slack = uniform / 100 + TARGET_NOISE * spread
    low, high = sorted((math.log(config.vocab_size - 1) + spread**2 / 2, recognized))
    highest = high + math.log1p(math.exp(low - high))  # ln((V - 1) exp(n^2 / 2) + exp(s D))
    return uniform - slack - REPEATING_SHARE * recognized, highest + slack
