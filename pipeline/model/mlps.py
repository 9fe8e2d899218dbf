"""What a block does to each token alone: a wide hidden layer, gated or behind an activation.

Shapes: B batch, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.model.config import ModelConfig


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x)) (arXiv:2002.05202)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down_proj = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        output_BTD: Tensor = self.down_proj(F.silu(self.gate_proj(x_BTD)) * self.up_proj(x_BTD))
        return output_BTD


class PlainMLP(nn.Module):
    """down(activation(up(x))), with the activation that `config.mlp` names."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down_proj = nn.Linear(config.mlp_width, config.width, bias=False)
        self.activation = ACTIVATIONS[config.mlp]

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        output_BTD: Tensor = self.down_proj(self.activation(self.up_proj(x_BTD)))
        return output_BTD


def squared_relu(x: Tensor) -> Tensor:
    """`max(x, 0)^2` of every entry, in the shape of `x` (arXiv:2109.08668)."""
    return F.relu(x).square()


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "relu": F.relu, "relu2": squared_relu}
MLPS: dict[str, type[nn.Module]] = {"swiglu": SwiGLU, **dict.fromkeys(ACTIVATIONS, PlainMLP)}
