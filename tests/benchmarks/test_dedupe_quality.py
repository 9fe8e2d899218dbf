"""The truth of the deduplication benchmark: all similar pairs, and what is counted as found."""

from __future__ import annotations

import itertools
import random

from benchmarks.dedupe_quality import SIMILAR, Found, jaccard, score, shingles, similar_pairs
from benchmarks.duplicates import planted
from tests.corpus.collections import edited, prose


def test_the_prefix_filter_misses_no_pair() -> None:
    draw = random.Random(3)
    texts = [edited(prose(n % 12, words=60), *draw.sample(range(60), n % 5)) for n in range(80)]
    sets = [shingles(text) for text in texts]
    every = {(a, b) for a, b in itertools.combinations(range(80), 2) if jaccard(sets[a], sets[b]) >= SIMILAR}
    found = list(similar_pairs(sets))
    assert len(found) == len(set(found)) > 10
    assert set(found) == every


def test_what_was_not_joined_and_what_was_dropped_wrongly_count() -> None:
    text = prose(1)
    texts = [text, edited(text, 40), text + " end", prose(2)]
    half = score("half", texts, Found(["a", "a", "b", "b"], {1: 0, 3: 2}))
    assert (half.pairs, half.pairs_found, half.recall) == (3, 1, 1 / 3)
    assert (half.dropped, half.dropped_rightly, half.precision) == (2, 1, 1 / 2)
    none = score("none", [prose(1), prose(2)], Found(["a", "b"], {}))
    assert (none.recall, none.precision) == (1.0, 1.0)


def test_a_tenth_of_the_texts_is_planted_again_with_edits() -> None:
    originals = [prose(n) for n in range(40)]
    copies = planted(originals, seed=1)
    assert len(copies) == 4
    assert not set(copies) & set(originals)
    assert copies == planted(originals, seed=1)
