"""Repetition is counted as the papers count it, also where a bound makes counting needless."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from pipeline.corpus.repetition import Repetition, repetition
from pipeline.corpus.traits import Traits
from tests.corpus.web_rules import PROSE


def test_what_stood_before_is_counted_by_parts_and_by_characters() -> None:
    assert repetition(["a", "bb", "a", "a"], 10) == Repetition(0.5, 0.2)
    assert repetition(["a", "b"], 2) == Repetition(0.0, 0.0)
    assert repetition([], 0) == Repetition(0.0, 0.0)


def reference_repeated_ngrams(tokens: list[str], size: int) -> int:
    """Table A1 of arXiv:2112.11446 read literally: the characters in repeated n-grams, none counted twice."""
    seen: set[tuple[str, ...]] = set()
    place = repeated = 0
    while place <= len(tokens) - size:
        ngram = tuple(tokens[place : place + size])
        if ngram in seen:
            repeated += sum(map(len, ngram))
            place += size
        else:
            seen.add(ngram)
            place += 1
    return repeated


def reference_top_ngram(tokens: list[str], size: int) -> int:
    ngrams = Counter(zip(*(islice(tokens, start, None) for start in range(size)), strict=False))
    ngram, count = ngrams.most_common(1)[0]
    return count * len(" ".join(ngram))


@pytest.mark.parametrize("seed", range(12))
def test_ngrams_are_counted_as_the_paper_says_for_texts_with_few_and_many_repeats(seed: int) -> None:
    draw = random.Random(seed)
    words = PROSE.split()[: draw.randint(2, 60)]
    text = " ".join(draw.choice(words) if draw.random() < 0.3 else words[n % len(words)] for n in range(300))
    traits = Traits(text)
    for size in range(5, 11):
        wanted = reference_repeated_ngrams(traits.tokens, size) / len(text)
        for limit in (0.0, 0.1, 0.15, 0.5):
            found = traits.repeated_ngram_share(size, above=limit)
            assert found == wanted or (found == 0.0 and wanted <= limit)
    for size in range(2, 5):
        wanted = reference_top_ngram(traits.tokens, size) / len(text)
        for limit in (0.0, 0.05, 0.16, 0.5):
            found = traits.top_ngram_share(size, above=limit)
            assert found == wanted or (found == 0.0 and wanted <= limit)


def test_a_text_of_fewer_tokens_than_an_ngram_has_none() -> None:
    assert Traits("One two").top_ngram_share(3, above=0.0) == 0.0
    assert Traits("One two").repeated_ngram_share(5, above=0.0) == 0.0
