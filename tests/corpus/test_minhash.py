"""minhash: signatures estimate similarity, bands find what is similar."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.corpus.minhash import Banding, band_keys, choose_banding, signatures
from pipeline.corpus.shingles import ShingleSets


def pairs_of_sets(*, count: int, shared: int, own: int) -> ShingleSets:
    """`count` pairs of random sets with `shared` common members and `own` more each."""
    draw = np.random.default_rng(5)
    sets = []
    for _ in range(count):
        pool = draw.choice(1 << 32, shared + 2 * own, replace=False).astype(np.uint32)
        sets += [np.sort(pool[: shared + own]), np.sort(pool[own:])]
    return ShingleSets(np.concatenate(sets), np.arange(2 * count + 1) * (shared + own))


def test_agreement_of_signatures_estimates_the_jaccard_similarity() -> None:
    signature = signatures(pairs_of_sets(count=200, shared=80, own=10), num_permutations=128)
    agreement = (signature[:, ::2] == signature[:, 1::2]).mean()
    assert agreement == pytest.approx(0.8, abs=0.01)


def test_candidates_are_found_as_often_as_the_formula_says() -> None:
    banding = Banding(bands=14, rows=9)
    sets = pairs_of_sets(count=300, shared=80, own=10)
    keys = band_keys(signatures(sets, num_permutations=128), banding)
    found = (keys[:, ::2] == keys[:, 1::2]).any(axis=0).mean()
    assert found == pytest.approx(banding.chance(0.8), abs=0.06)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 1.0])
def test_the_banding_finds_nearly_all_pairs_above_the_threshold(threshold: float) -> None:
    banding = choose_banding(num_permutations=128, threshold=threshold)
    assert banding.bands * banding.rows <= 128
    assert banding.chance(threshold) > 0.95
    assert banding.chance(threshold / 4) < 0.5


def test_equal_sets_have_equal_keys_and_different_ones_do_not() -> None:
    sets = ShingleSets(np.array([1, 9, 1, 9, 2, 8], dtype=np.uint32), np.array([0, 2, 4, 6]))
    keys = band_keys(signatures(sets, num_permutations=32), Banding(bands=8, rows=4))
    assert (keys[:, 0] == keys[:, 1]).all()
    assert (keys[:, 0] != keys[:, 2]).all()
