"""Intervals of a ratio of sums over documents."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.model.bootstrap import ratio_interval


def test_the_interval_covers_the_true_ratio_as_often_as_it_claims() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        sizes = random.integers(50, 2000, size=120)
        nats = sizes * random.normal(2.0, 0.4, size=120)
        interval = ratio_interval(nats, sizes, samples=300, confidence=0.9, seed=seed)
        assert interval is not None
        covered += interval[0] <= 2.0 <= interval[1]
    assert 165 <= covered <= 193


def test_more_documents_and_less_confidence_narrow_the_interval() -> None:
    sizes = np.full(1000, 10)
    nats = np.random.default_rng(2).normal(20.0, 3.0, size=1000)

    def width(documents: int, confidence: float) -> float:
        found = ratio_interval(
            nats[:documents], sizes[:documents], samples=500, confidence=confidence, seed=1
        )
        assert found is not None
        return found[1] - found[0]

    assert width(1000, 0.95) < width(50, 0.95)
    assert width(50, 0.8) < width(50, 0.95)


def test_the_same_seed_gives_the_same_interval() -> None:
    nats, sizes = np.array([1.0, 5.0, 2.0]), np.array([3, 4, 5])
    intervals = [ratio_interval(nats, sizes, samples=50, confidence=0.95, seed=seed) for seed in (1, 1, 2)]
    assert intervals[0] == intervals[1] != intervals[2]


def test_equal_documents_have_no_spread() -> None:
    found = ratio_interval(np.full(9, 6.0), np.full(9, 2), samples=20, confidence=0.95, seed=1)
    assert found == pytest.approx((3.0, 3.0))


def test_one_document_has_no_interval() -> None:
    assert ratio_interval(np.array([1.0]), np.array([2]), samples=50, confidence=0.95, seed=1) is None
