"""Characters are counted alike in every script, and each has one kind."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.corpus.characters import Kinds, ascii_kinds, count_characters, kind_of
from pipeline.corpus.traits import Traits


@pytest.mark.parametrize("text", ["", "plain\ttext\n", "naïve – 漢字漢", "😀😀é", "\ud800x"])
def test_every_character_is_counted(text: str) -> None:
    found = count_characters(text)
    characters = [chr(code) for code in found.codes.tolist()]
    assert characters == sorted(Counter(text))
    assert found.counts.tolist() == [text.count(character) for character in characters]


@pytest.mark.parametrize("text", ["", "plain\ttext\n", "naïve – 漢字漢\u3000", "😀😀é\u200d", "\ud800x"])
def test_every_character_counts_for_its_kind(text: str) -> None:
    kinds = Counter(map(kind_of, text))
    wanted = Kinds(kinds["space"], kinds["letter"], kinds["unspaced_letter"])
    assert count_characters(text).kinds() == wanted
    assert Traits(text).kinds == wanted


def test_all_of_ascii_counts_alike_either_way() -> None:
    text = "".join(map(chr, range(128)))
    assert ascii_kinds(text) == count_characters(text).kinds()


@pytest.mark.parametrize(
    ("character", "kind"),
    [
        ("a", "letter"),
        ("ö", "letter"),
        ("\u0301", "letter"),
        ("漢", "unspaced_letter"),
        ("ก", "unspaced_letter"),
        ("\u3000", "space"),
        ("\u200d", "invisible"),
        ("7", "other"),
        ("😀", "other"),
    ],
)
def test_kinds(character: str, kind: str) -> None:
    assert kind_of(character) == kind
