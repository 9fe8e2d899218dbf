"""Batches as a pure function of (seed, step): nothing to save, nothing to skip through when a run is resumed.

Each epoch sees every item (a block of packed tokens, or a prompt/response pair) once, in the order of a
keyed permutation that is computed for the places asked for and never stored. An epoch that ends inside a
batch is followed by the next epoch's first items.

Shapes: B items of a micro-batch, T tokens.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.model.losses import IGNORED

_ROUNDS = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """What one forward pass sees. Targets that do not count are IGNORED; documents are numbered, or None
    where each item is of one document.
    """

    tokens_BT: Tensor
    targets_BT: Tensor
    documents_BT: Tensor | None

    @property
    def num_targets(self) -> int:
        """How many targets count."""
        return int((self.targets_BT != IGNORED).sum())

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        documents_BT = None if self.documents_BT is None else self.documents_BT.to(device)
        return Batch(self.tokens_BT.to(device), self.targets_BT.to(device), documents_BT)


class Items(Protocol):
    """Numbered training items that can be put together to a batch."""

    def __len__(self) -> int: ...

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The items of these numbers, in this order, as one batch."""


class TokenBlocks:
    """The fixed-length blocks of a packed token stream.

    Block i reads tokens[i * T : (i + 1) * T] and predicts the same shifted by one. The last one is filled
    up with `pad_id`. A target that starts the next document (it is `bos_id`) or is padding does not count.
    """

    def __init__(
        self, tokens: npt.NDArray[np.integer], *, block_tokens: int, bos_id: int, pad_id: int
    ) -> None:
        self.tokens, self.block_tokens, self.bos_id, self.pad_id = tokens, block_tokens, bos_id, pad_id

    def __len__(self) -> int:
        return -(-(len(self.tokens) - 1) // self.block_tokens)

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The blocks of these numbers; ids are int64."""
        rows_BS = np.full((len(numbers), self.block_tokens + 1), self.pad_id, dtype=np.int64)
        for row, number in enumerate(numbers):
            piece = self.tokens[number * self.block_tokens : (number + 1) * self.block_tokens + 1]
            rows_BS[row, : len(piece)] = piece
        ids_BS = torch.from_numpy(rows_BS)
        tokens_BT, next_BT = ids_BS[:, :-1].contiguous(), ids_BS[:, 1:]
        counts_BT = (next_BT != self.bos_id) & (next_BT != self.pad_id)
        documents_BT = (tokens_BT == self.bos_id).cumsum(dim=1)
        of_one = bool((documents_BT[:, 0] == documents_BT[:, -1]).all())
        return Batch(tokens_BT, next_BT.where(counts_BT, IGNORED), None if of_one else documents_BT)


@dataclasses.dataclass(frozen=True, slots=True)
class BatchOrder:
    """Which items each step's global batch holds, and in which units and micro-batches they are taken.

    A unit is what canonical gradients are computed of and added by; a micro-batch is what fast ones see in
    one pass (see gradients.py).
    """

    num_items: int
    batch_items: int
    unit_items: int
    micro_batch_items: int
    seed: int

    def numbers(self, step: int) -> list[int]:
        """The item numbers of the step's global batch, in their order."""
        first = step * self.batch_items
        return [self._item(place) for place in range(first, first + self.batch_items)]

    def units(self, step: int) -> list[list[int]]:
        """The same in units, in the order in which their gradients are added."""
        numbers, size = self.numbers(step), self.unit_items
        return [numbers[start : start + size] for start in range(0, len(numbers), size)]

    def epochs(self, steps: int) -> float:
        """How often each item was seen on average after so many steps."""
        return steps * self.batch_items / self.num_items

    def _item(self, place: int) -> int:
        epoch, index = divmod(place, self.num_items)
        return permuted(index, self.num_items, key=_epoch_key(self.seed, epoch))


def in_order(items: Items, size: int) -> Iterator[Batch]:
    """All items once, from the first to the last, `size` at a time: for evaluation."""
    for start in range(0, len(items), size):
        yield items.batch(range(start, min(start + size, len(items))))


def permuted(index: int, size: int, *, key: int) -> int:
    """Where the permutation of 0..size-1 that `key` picks sends `index`, in constant time and memory.

    A Feistel network over the next even power of two, walked until it is back inside (Black and Rogaway,
    "Ciphers with Arbitrary Finite Domains", 2002).
    """
    half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half_bits) - 1
    while True:
        left, right = index >> half_bits, index & mask
        for state in _round_states(key):
            left, right = right, left ^ (_stirred(state, right) & mask)
        index = left << half_bits | right
        if index < size:
            return index


def mixed(*values: int) -> int:
    """64 well-mixed bits of a few integers (the finalizer of SplitMix64, chained)."""
    return functools.reduce(_stirred, values, 0)


def _stirred(state: int, value: int) -> int:
    state = (state + value + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    state = ((state ^ state >> 27) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return state ^ state >> 31


@functools.lru_cache(maxsize=8)
def _epoch_key(seed: int, epoch: int) -> int:
    return mixed(seed, epoch)


@functools.lru_cache(maxsize=8)
def _round_states(key: int) -> tuple[int, ...]:
    """What `mixed(key, turn, right)` comes to in each round before it sees `right`."""
    return tuple(mixed(key, turn) for turn in range(_ROUNDS))
