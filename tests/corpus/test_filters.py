"""Each rule drops what it names and keeps prose in any script."""

from __future__ import annotations

import base64
import dataclasses
import random

import pytest

from pipeline.corpus.filters import RULES, reason_to_drop
from pipeline.settings.clean import CleanParams

PARAMS = CleanParams(
    min_chars=100,
    max_chars=100_000,
    max_word_chars=15.0,
    min_alphabetic_share=0.5,
    max_duplicate_line_share=0.5,
    min_entropy_bits=2.0,
)
LICENCE = (
    "This eBook is for the use of anyone anywhere and with almost no restrictions whatsoever. You may copy "
    "it under the terms of the Project Gutenberg License included with this eBook."
)
_RANDOM = random.Random(3).randbytes(3000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\t" * 100, "empty"),
        ("\u200d" * 500, "empty"),
        ("Short.", "too_short"),
        ("A sentence of some length. " * 5000, "too_long"),
        ("a" * 10_000, "low_entropy"),
        ("=-" * 500, "low_entropy"),
        (base64.encodebytes(_RANDOM).decode(), "long_words"),
        (_RANDOM.hex(" "), "few_letters"),
        ("\n".join(f"{n}.{n} | {n * 7} | {n % 3}" for n in range(200)), "few_letters"),
        ("All rights reserved by the author.\n" * 50 + "And one more line.", "repeated_lines"),
        (f"A page that quotes it. {LICENCE}", "gutenberg_licence"),
    ],
)
def test_each_rule_drops_what_it_names(text: str, reason: str) -> None:
    assert reason_to_drop(text, PARAMS) == reason


@pytest.mark.parametrize(
    "text",
    [
        "Return a new array of given shape and type, filled with zeros. The order may be C or Fortran.",
        "Der Donaudampfschifffahrtskapitän fuhr gestern mit seinem Schiff nach Wien und kam heute zurück.",
        "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた。",
        "ประเทศไทยเป็นประเทศในภูมิภาคเอเชียตะวันออกเฉียงใต้มีพรมแดนติดกับประเทศลาวกัมพูชาพม่าและมาเลเซีย",
        "भारत गणराज्य दक्षिण एशिया में स्थित भारतीय उपमहाद्वीप का सबसे बड़ा देश है और यहाँ अनेक भाषाएँ बोली जाती हैं।",
    ],
)
def test_prose_is_kept_in_any_script(text: str) -> None:
    assert reason_to_drop(text, dataclasses.replace(PARAMS, min_chars=10)) == ""


def test_talk_about_project_gutenberg_is_kept() -> None:
    text = (
        "The collection has eighteen texts from Project Gutenberg, the first of 1971; see the small print "
        "and its license."
    )
    assert reason_to_drop(text, PARAMS) == ""


def test_bounds_are_inclusive() -> None:
    sentence = "The quick brown fox jumps over the lazy dog, twice. "
    exact = (sentence * 3)[:100]
    assert reason_to_drop(exact, PARAMS) == ""
    assert reason_to_drop(exact[:99], PARAMS) == "too_short"
    assert reason_to_drop(exact, dataclasses.replace(PARAMS, max_chars=100)) == ""


def test_every_rule_says_what_it_means() -> None:
    assert all((rule.__doc__ or "").strip() for rule in RULES.values())
