"""Traits: what rules ask about a text, measured once."""

from __future__ import annotations

import pytest

from pipeline.corpus.traits import Traits, Wording


def test_words_are_the_tokens_that_begin_with_a_letter_or_digit() -> None:
    assert Traits("It's 3 o'clock -- no?").wording == Wording(words=5, word_characters=11, alphabetic=5)


def test_blank_lines_part_paragraphs_however_many_there_are() -> None:
    traits = Traits("one\n\ntwo\n\n\n\none\n\nthree\n")
    assert traits.repeated_paragraphs.parts == pytest.approx(1 / 4)
    assert traits.repeated_lines.parts == pytest.approx(1 / 4)


def test_repeated_lines_are_weighed_by_their_characters_and_blank_ones_count_for_nothing() -> None:
    assert Traits("aa\n\n\nbb\n aa \n").repeated_line_share == pytest.approx(1 / 3)
    assert Traits("aa\n\n\nbb").repeated_line_share == 0.0


@pytest.mark.parametrize("text", ["abab", "aaab" * 9, "The mill stands by the river.", "ab" * 50 + "cdefgh"])
@pytest.mark.parametrize("bits", [0.5, 1.0, 1.5, 2.0, 4.5])
def test_a_bound_is_held_against_the_entropy_also_where_it_need_not_be_computed(
    text: str, bits: float
) -> None:
    assert Traits(text).is_entropy_below(bits) == (Traits(text).entropy_bits < bits)


def test_entropy_is_that_of_the_characters() -> None:
    assert Traits("abab").entropy_bits == pytest.approx(1.0)
    assert Traits("äöüß" * 3).entropy_bits == pytest.approx(2.0)
