"""Text is mended one named fault at a time, in linear time, and a second time nothing is left to mend."""

from __future__ import annotations

import random
import time

import pytest

from pipeline.corpus.repairs import (
    DECODING,
    LAYOUT,
    MAX_COMBINING_MARKS,
    SPECIAL,
    SPECIAL_CHARACTERS,
    UNWRAPPING,
    repair,
)


@pytest.mark.parametrize(
    ("broken", "mended", "name"),
    [
        ("a\r\nb\rc\u2028d\u2029e\x85f\x0bg\x0ch", "a\nb\nc\nd\ne\nf\ng\nh", "line_ends"),
        ("\ufeffa\ufeffb", "ab", "byte_order_marks"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07bell", "red bell", "escape_sequences"),
        ("\x1b]8;; a link without its end\nstays", "8;; a link without its end\nstays", "escape_sequences"),
        ("a\0b\0\0c\x07\x81", "abc", "control_characters"),
        ("schÃ¶n\nâ\x80\x9cnaïveâ\x80\x9d \x93q\x94", "schön\n“naïve” “q”", "mojibake"),
        ("safe\u202efdp.exe\u202c\u2066x\u2069", "safefdp.exex", "bidi_overrides"),
        ("a\u2581b", "a_b", "word_marker"),
        ("cafe\u0301 \u1112\u1161\u11ab", "café 한", "unicode_nfc"),
        ("a  \nb\t\u00a0\n  c", "a\nb\n  c", "trailing_space"),
        ("a\n\n\n\n\n\nb\n\n\nc", "a\n\n\nb\n\n\nc", "blank_lines"),
        ("\n\n  a\n\n", "  a", "outer_blank_lines"),
    ],
)
def test_each_fault_is_mended_and_named(broken: str, mended: str, name: str) -> None:
    repaired = repair(broken, unwrap=False)
    assert repaired.text == mended
    assert name in repaired.repairs


def test_a_sound_text_is_left_alone() -> None:
    text = "Tabs\tand  spaces, “quotes”, 漢字, \U0001f468\u200d\U0001f469, עברית\u200f, <s>▂\n\n\nend"
    assert repair(text, unwrap=False).text == text
    assert repair(text, unwrap=False).repairs == ()


def test_stacked_marks_are_capped() -> None:
    repaired = repair("x" + "\u0316\u0301" * 1000 + "y", unwrap=False)
    assert repaired.text == "x" + "\u0316" * 15 + "\u0301" * 15 + "y"
    assert len(repaired.text) == MAX_COMBINING_MARKS + 2
    assert repaired.repairs == ("combining_marks", "unicode_nfc")
    doubled = repair("a" + "\u0344" * MAX_COMBINING_MARKS, unwrap=False).text
    assert len(doubled) == MAX_COMBINING_MARKS + 1
    assert repair(doubled, unwrap=False).repairs == ()
    beyond = repair("x" + "\U0001d165" * 1000, unwrap=False)
    assert len(beyond.text) == MAX_COMBINING_MARKS + 1


def test_a_second_repair_finds_nothing() -> None:
    rng = random.Random(7)
    pieces = [
        "a",
        " ",
        "\n",
        "\r\n",
        "\x1b[",
        "\x1b",
        "[2J",
        "m",
        "\0",
        "\ufeff",
        "e\u0301",
        "\u202e",
        "\u2581",
        "\u2028",
        "\t",
    ]
    for _ in range(2000):
        once = repair("".join(rng.choices(pieces, k=rng.randrange(12))), unwrap=False).text
        assert repair(once, unwrap=False).repairs == ()


@pytest.mark.parametrize("unwrap", [False, True])
@pytest.mark.parametrize(
    "unit",
    [
        "prose words, ",
        " ",
        "\n ",
        "\r\n",
        "\x1b[",
        "\x1b]",
        "\u0301\u0316",
        "😀é ",
        "[(_*|",
        "word-\n",
        "漢字。",
    ],
)
def test_every_text_takes_time_in_proportion_to_its_length(unit: str, unwrap: bool) -> None:
    text = unit * (300_000 // len(unit)) + "x"
    started = time.process_time()
    repair(text, unwrap=unwrap)
    assert time.process_time() - started < 3  # 0.1 when linear, minutes when quadratic


def test_only_text_of_fixed_width_loses_its_line_breaks() -> None:
    wide = "This line is wide enough to have been broken at a margin of seventy"
    text = f"{wide}\nand this goes on from it.\n\nThe end."
    assert repair(text, unwrap=False).text == text
    assert repair(text, unwrap=True).repairs == ("wrapped_lines",)


def test_every_repair_says_what_it_does() -> None:
    for repairs in (DECODING, SPECIAL_CHARACTERS, LAYOUT, UNWRAPPING):
        assert all((mend.__doc__ or "").strip() for mend in repairs.values())


def test_the_characters_that_repairs_are_searched_for_are_those_that_they_change() -> None:
    for character in map(chr, range(0x10000)):
        text = f"a{character}b"
        is_special = SPECIAL.search(text) is not None
        assert is_special == any(mend(text) != text for mend in SPECIAL_CHARACTERS.values()), hex(
            ord(character)
        )


@pytest.mark.parametrize("before", range(MAX_COMBINING_MARKS + 2))
def test_a_long_run_of_marks_is_found_wherever_it_begins(before: int) -> None:
    text = "x" * before + "\u0301" * (MAX_COMBINING_MARKS + 1) + "é"
    assert "combining_marks" in repair(text, unwrap=False).repairs
