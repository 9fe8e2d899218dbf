"""The norms: each keeps the shape and dtype of what it normalizes and starts as the plain normalization."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.model.config import ModelConfig
from pipeline.model.kernels import rms_norm


class RMSNorm(nn.Module):
    """Scales the last axis to a root mean square of 1 and then by a learned weight (arXiv:1910.07467)."""

    def __init__(self, width: int, *, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Same shape and dtype as `x`; the mean is taken in fp32."""
        return rms_norm(x, self.weight, epsilon=self.epsilon)


class LayerNorm(nn.Module):
    """Shifts the last axis to mean 0, scales it to variance 1, then applies a learned weight
    (arXiv:1607.06450). It has no bias, as nothing in the decoder has one.
    """

    def __init__(self, width: int, *, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Same shape and dtype as `x`."""
        return F.layer_norm(x, self.weight.shape, self.weight, eps=self.epsilon).to(x.dtype)


NORMS = {"rmsnorm": RMSNorm, "layernorm": LayerNorm}


def new_norm(config: ModelConfig, width: int) -> nn.Module:
    """A norm of the kind that the config names, over a last axis of so many entries."""
    return NORMS[config.norm](width, epsilon=config.norm_epsilon)
