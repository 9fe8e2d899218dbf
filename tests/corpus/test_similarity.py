"""similarity: exact for whole sketches, close for cut ones, whichever file they lie in."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.corpus.shingles import ShingleSets
from pipeline.corpus.similarity import SKETCH_HASHES, HeldHashes, Sketches, sketch


def sketches(*sets: set[int]) -> Sketches:
    """Each set in a file of its own, after one that is not looked at."""
    files, sizes = [], []
    for members in sets:
        both = [np.array([7], dtype=np.uint32), np.array(sorted(members), dtype=np.uint32)]
        starts = np.cumsum([0, 1, len(members)])
        files.append(HeldHashes(sketch(ShingleSets(np.concatenate(both), starts))))
        sizes.append(len(members))
    places = np.arange(len(sets))
    return Sketches(tuple(files), places.astype(np.int32), np.ones_like(places), np.array(sizes))


def similarity(left: set[int], right: set[int]) -> float:
    return float(sketches(left, right).jaccard(np.array([0]), np.array([1]))[0])


def test_small_sets_are_compared_exactly() -> None:
    assert similarity({1, 2, 3, 4}, {3, 4, 5}) == 2 / 5
    assert similarity({1, 2}, {3}) == 0.0
    assert similarity({1, 2}, {1, 2}) == 1.0


def test_large_sets_are_compared_by_a_sample() -> None:
    draw = np.random.default_rng(3)
    pool = draw.permutation(1 << 22)[: 20 * SKETCH_HASHES] * 1021
    left, right = set(pool[: 15 * SKETCH_HASHES].tolist()), set(pool[5 * SKETCH_HASHES :].tolist())
    assert similarity(left, right) == pytest.approx(0.5, abs=0.03)


def test_a_small_set_and_a_large_one_that_holds_it() -> None:
    pool = (np.random.default_rng(4).permutation(1 << 22)[: 20 * SKETCH_HASHES] * 1021).tolist()
    large, small = set(pool), set(pool[:SKETCH_HASHES])
    assert similarity(small, large) == pytest.approx(0.05, abs=0.01)


def test_pairs_keep_their_order_and_no_pairs_are_no_similarities() -> None:
    three = sketches({1, 2}, {2, 3}, {1, 2})
    found = three.jaccard(np.array([2, 0, 1]), np.array([0, 1, 1]))
    assert found.tolist() == [1.0, 1 / 3, 1.0]
    assert three.jaccard(np.array([], dtype=np.int64), np.array([], dtype=np.int64)).tolist() == []


def test_the_bound_is_never_below_the_similarity() -> None:
    both = sketches({1, 2, 3, 4}, {3, 4, 5})
    assert both.bound(np.array([0]), np.array([1])).tolist() == [3 / 4]
