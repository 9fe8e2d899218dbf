"""Tokens are those of English: words, their clitics, and marks."""

from __future__ import annotations

import pytest

from pipeline.corpus import tokenization
from pipeline.corpus.tokenization import tokens_of
from pipeline.corpus.traits import Traits


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
    assert tokens_of(text.split()) == tokens


def test_a_text_has_the_tokens_of_what_stands_between_its_spaces() -> None:
    text = "It's 3 o'clock\u2003-- no?\n\x1cSee\x85https://a.example/b."
    assert Traits(text).tokens == tokens_of(
        ["It's", "3", "o'clock", "--", "no?", "See", "https://a.example/b."]
    )
    assert Traits(text).tokens[-2:] == ["https://a.example/b", "."]


def test_what_was_seen_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenization, "MOST_KNOWN", 3)
    known = tokenization._KNOWN
    known.clear()
    long = "x" * (tokenization.LONGEST_KNOWN_CHARS + 1)
    assert tokens_of(["a", "b", "c", "d", long]) == ["a", "b", "c", "d", long]
    assert list(known) == ["d"]
