"""Dropout without a generator: which entries are dropped is a pure function of keys.

Each row of a batch has a key of its own that follows from the seed, the step and its place in the global
batch. So a run that was killed and resumed, another number of processes and another size of micro-batches
drop the same entries, and so does a forward pass that is repeated to save memory.

Shapes: B rows of a batch, T tokens, D width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.model.batches import mixed

_COLUMN, _SITE = 0x9E3779B1, 0x85EBCA77  # odd constants that spread small numbers over 32 bits (xxHash)


@dataclasses.dataclass(frozen=True, slots=True)
class Dropout:
    """What one forward pass drops: `share` of the entries, by the rows' keys (B,) int64."""

    share: float
    keys_B: Tensor

    def apply(self, x_BTD: Tensor, *, site: int) -> Tensor:
        """`x_BTD` with dropped entries 0 and the others scaled so that the mean stays. A site is a place in
        the network; each drops other entries.
        """
        kept_BTD = kept(self.keys_B, x_BTD.shape[1], x_BTD.shape[2], share=self.share, site=site)
        return (x_BTD * (1 / (1 - self.share))).masked_fill(~kept_BTD, 0)


def row_keys(seed: int, step: int, places: Sequence[int], *, device: torch.device) -> Tensor:
    """The keys (B,) of the rows at these places of the global batch of `step`."""
    return torch.tensor([mixed(seed, step, place) >> 1 for place in places], device=device)


def kept(keys_B: Tensor, tokens: int, width: int, *, share: float, site: int) -> Tensor:
    """Which entries stay, bool (B, T, D): the same on every device, for any other rows in the batch."""
    device = keys_B.device
    low_B, high_B = _int32(keys_B), _int32(keys_B >> 32)
    rows_B = _hashed_(_hashed_(low_B ^ _signed(site * _SITE)) ^ high_B)
    tokens_BT = _hashed_(torch.arange(tokens, device=device, dtype=torch.int32) ^ rows_B[:, None])
    columns_D = torch.arange(width, device=device, dtype=torch.int32) * _signed(_COLUMN)
    bits_BTD = _hashed_(columns_D ^ tokens_BT[:, :, None])
    return bits_BTD >= round(share * 2**32) - 2**31


def _hashed_(x: Tensor) -> Tensor:
    """32 well-mixed bits of 32, in place: Wellons' lowbias32 (https://nullprogram.com/blog/2018/07/31/)."""
    x ^= (x >> 16).bitwise_and_(0xFFFF)
    x *= _signed(0x7FEB352D)
    x ^= (x >> 15).bitwise_and_(0x1FFFF)
    x *= _signed(0x846CA68B)
    x ^= (x >> 16).bitwise_and_(0xFFFF)
    return x


def _int32(x: Tensor) -> Tensor:
    """The low 32 bits of int64."""
    return (((x + 2**31) & 0xFFFFFFFF) - 2**31).to(torch.int32)


def _signed(value: int) -> int:
    """The low 32 bits of a number as int32 reads them."""
    return (value + 2**31) % 2**32 - 2**31
