"""The shuffle of documents follows from seed and id alone."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.tokens.ordering import keys_of, largest_key_within

IDS = [f"pydocs-{number}" for number in range(200)]


def test_a_key_depends_on_seed_and_id_only() -> None:
    keys = keys_of(IDS, seed=1)
    assert keys.tolist() == [keys_of([name], seed=1)[0] for name in IDS]
    assert len(set(keys.tolist())) == len(IDS)
    assert not np.array_equal(np.argsort(keys), np.argsort(keys_of(IDS, seed=2)))


def test_the_sample_holds_documents_in_key_order_up_to_the_budget() -> None:
    keys = np.array([40, 10, 30, 20], dtype=np.uint64)
    sizes = np.array([5, 5, 5, 5], dtype=np.int64)
    assert [largest_key_within(keys, sizes, budget=budget) for budget in (1, 5, 9, 10, 100)] == [
        10,
        10,
        10,
        20,
        40,
    ]


def test_a_smaller_budget_gives_a_subset() -> None:
    keys, sizes = keys_of(IDS, seed=3), np.full(200, 7, dtype=np.int64)
    limits = [largest_key_within(keys, sizes, budget=budget) for budget in (70, 700)]
    assert [int((keys <= np.uint64(limit)).sum()) for limit in limits] == [10, 100]


def test_no_document_cannot_be_sampled() -> None:
    with pytest.raises(ValueError, match="no document"):
        largest_key_within(keys_of([], seed=1), np.zeros(0, dtype=np.int64), budget=1)
