"""Batches: a pure function of seed and step, each item once an epoch, targets only where they count."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.model.batches import BatchOrder, TokenBlocks, in_order, permuted
from pipeline.model.losses import IGNORED

BOS, EOS, PAD = 1, 2, 3


def blocks(ids: list[int], *, block_tokens: int = 4) -> TokenBlocks:
    return TokenBlocks(np.array(ids, dtype=np.uint16), block_tokens=block_tokens, bos_id=BOS, pad_id=PAD)


def order_of(items: int, batch: int, *, unit: int | None = None, seed: int = 1) -> BatchOrder:
    return BatchOrder(items, batch, unit or batch, batch, seed)


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17, 100, 1000])
def test_a_keyed_permutation_reaches_every_place_once(size: int) -> None:
    orders = [[permuted(index, size, key=key) for index in range(size)] for key in (1, 2)]
    assert all(sorted(order) == list(range(size)) for order in orders)
    assert size < 16 or orders[0] != orders[1]
    assert size < 16 or orders[0] != list(range(size))


def test_every_epoch_sees_every_item_once_and_in_its_own_order() -> None:
    order = order_of(10, 4)
    seen = [number for step in range(5) for number in order.numbers(step)]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]
    assert order.epochs(5) == 2.0


def test_a_step_s_batch_does_not_depend_on_the_steps_before_it() -> None:
    first, second = (order_of(1000, 6, unit=2, seed=3) for _ in range(2))
    later = first.units(10**12)
    assert [first.units(step) for step in range(3)] == [second.units(step) for step in range(3)]
    assert later == second.units(10**12)
    assert [len(unit) for unit in later] == [2, 2, 2]


def test_units_hold_the_global_batch_in_its_order() -> None:
    order = order_of(50, 6, unit=2, seed=3)
    assert order.numbers(7) == [number for unit in order.units(7) for number in unit]


def test_a_batch_larger_than_the_data_runs_on_into_the_next_epoch() -> None:
    batch = order_of(3, 8).numbers(0)
    assert sorted(batch[:3]) == sorted(batch[3:6]) == [0, 1, 2]


def test_targets_are_the_next_tokens_but_not_across_documents_or_into_padding() -> None:
    packed = blocks([BOS, 7, 8, EOS, BOS, 9, EOS])
    batch = packed.batch(range(len(packed)))
    assert batch.tokens_BT.tolist() == [[BOS, 7, 8, EOS], [BOS, 9, EOS, PAD]]
    assert batch.targets_BT.tolist() == [[7, 8, EOS, IGNORED], [9, EOS, IGNORED, IGNORED]]
    assert batch.documents_BT is None, "each block is of one document"
    assert batch.num_targets == 5
    assert batch.tokens_BT.dtype == torch.int64


def test_documents_are_told_apart_within_a_block() -> None:
    batch = blocks([8, EOS, BOS, 9, EOS, BOS, 7, 7, EOS], block_tokens=8).batch([0])
    assert batch.documents_BT is not None
    assert batch.documents_BT.tolist() == [[0, 0, 1, 1, 1, 2, 2, 2]]


@pytest.mark.parametrize(("tokens", "wanted"), [(0, 0), (1, 0), (2, 1), (5, 1), (6, 2), (9, 2)])
def test_blocks_are_as_many_as_it_takes_to_predict_every_token(tokens: int, wanted: int) -> None:
    assert len(blocks([BOS] + [7] * (tokens - 1) if tokens else [])) == wanted


def test_evaluation_sees_every_target_once_in_order() -> None:
    packed = blocks([BOS, *range(4, 30), EOS])
    targets = torch.cat([batch.targets_BT.flatten() for batch in in_order(packed, 3)])
    assert targets[targets != IGNORED].tolist() == [*range(4, 30), EOS]
