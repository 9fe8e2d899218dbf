"""Traits: tokens as English has them, and repetition counted as the papers count it."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from pipeline.corpus.traits import Repetition, Traits, repetition
from tests.corpus.web_rules import PROSE


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("We don't know.", ["We", "don", "'t", "know", "."]),
        (
            "It costs $3.50, or 3,500 for all...",
            ["It", "costs", "$", "3.50", ",", "or", "3,500", "for", "all", "..."],
        ),
        ("well-known and/or round-3", ["well", "-", "known", "and", "/", "or", "round-3"]),
        ("see https://a.example/b-c/d?e=1.", ["see", "https://a.example/b-c/d?e=1", "."]),
        ("Größe 10:30, naïve--maybe", ["Größe", "10:30", ",", "naïve", "--", "maybe"]),
        ("", []),
    ],
)
def test_tokens_are_words_and_marks(text: str, tokens: list[str]) -> None:
    assert Traits(text).tokens == tokens


def test_words_are_the_tokens_that_begin_with_a_letter_or_digit() -> None:
    assert Traits("It's 3 o'clock -- no?").spoken_words == ["It", "3", "o", "clock", "no"]


def test_what_stood_before_is_counted_by_parts_and_by_characters() -> None:
    assert repetition(["a", "bb", "a", "a"], 10) == Repetition(0.5, 0.2)
    assert repetition(["a", "b"], 2) == Repetition(0.0, 0.0)
    assert repetition([], 0) == Repetition(0.0, 0.0)


def test_blank_lines_part_paragraphs_however_many_there_are() -> None:
    traits = Traits("one\n\ntwo\n\n\n\none\n\nthree\n")
    assert traits.repeated_paragraphs.parts == pytest.approx(1 / 4)
    assert traits.repeated_lines.parts == pytest.approx(1 / 4)


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
        assert traits.repeated_ngram_share(size) == reference_repeated_ngrams(traits.tokens, size) / len(text)
    for size in range(2, 5):
        wanted = reference_top_ngram(traits.tokens, size) / len(text)
        for limit in (0.0, 0.05, 0.16, 0.5):
            found = traits.top_ngram_share(size, above=limit)
            assert found == wanted or (found == 0.0 and wanted <= limit)


def test_a_text_of_fewer_tokens_than_an_ngram_has_none() -> None:
    assert Traits("One two").top_ngram_share(3, above=0.0) == 0.0
    assert Traits("One two").repeated_ngram_share(5) == 0.0
