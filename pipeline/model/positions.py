"""How a token says where it stands: queries and keys are turned, or something is added to its embedding.

Shapes: B batch, T tokens, D width, K width of one head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.model.config import ModelConfig

WAVELENGTH_BASE = 10000.0  # of the sinusoids, as in the paper


class RotaryPositions(nn.Module):
    """Adds nothing: queries and keys are turned instead, by the angles of `rotation` (arXiv:2104.09864)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()

    def forward(self, x_BTD: Tensor, start: int) -> Tensor:
        """The embeddings as they are."""
        return x_BTD


class LearnedPositions(nn.Module):
    """Adds a learned row for each position of the context."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(config.context_tokens, config.width))

    def forward(self, x_BTD: Tensor, start: int) -> Tensor:
        """The embeddings (B, T, D) of tokens that begin at position `start`, with their positions' rows."""
        return x_BTD + self.weight[start : start + x_BTD.shape[1]]


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines of wavelengths from 2 pi to 10000 * 2 pi (arXiv:1706.03762).

    The paper makes embeddings as loud as the waves; here the waves are scaled to the embeddings, which a norm
    cannot tell apart and which leaves a tied table small.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.amplitude = config.embedding_deviation

    def forward(self, x_BTD: Tensor, start: int) -> Tensor:
        """The embeddings (B, T, D) of tokens that begin at position `start`, with the waves."""
        tokens, width = x_BTD.shape[1:]
        waves_TD = sinusoids(start, start + tokens, width=width, device=x_BTD.device)
        return x_BTD + self.amplitude * waves_TD


POSITIONS: dict[str, type[nn.Module]] = {
    "rope": RotaryPositions,
    "learned": LearnedPositions,
    "sinusoidal": SinusoidalPositions,
}


def sinusoids(start: int, end: int, *, width: int, device: torch.device) -> Tensor:
    """Of positions start..end-1, fp32 (T, D): sines in the even columns, cosines in the odd ones."""
    cosine_TK, sine_TK = angle_tables(start, end, width=width, base=WAVELENGTH_BASE, device=device)
    return torch.stack((sine_TK, cosine_TK), dim=-1).flatten(1)


def rotation(
    config: ModelConfig, start: int, end: int, *, device: torch.device
) -> tuple[Tensor, Tensor] | None:
    """Cosines and sines, each (T, K/2), for `rotate` at positions start..end-1; None without rotary ones."""
    if config.rope_theta is None:
        return None
    return angle_tables(start, end, width=config.head_width, base=config.rope_theta, device=device)


def angle_tables(
    start: int, end: int, *, width: int, base: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines of position / base^(2i / width), each (T, width/2), fp32."""
    positions_T = torch.arange(start, end, device=device, dtype=torch.float32)
    pairs_K = torch.arange(0, width, 2, device=device, dtype=torch.float32)
    angles_TK = positions_T[:, None] / base ** (pairs_K / width)
    return angles_TK.cos(), angles_TK.sin()
