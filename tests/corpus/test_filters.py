"""Each rule drops what it names and keeps prose in any script."""

from __future__ import annotations

import base64
import dataclasses
import random

import pytest

from pipeline.corpus.filters import RULES, judge
from pipeline.settings.clean import CleanParams, UnwrapLinesParams
from pipeline.settings.people import BlocklistParams
from tests.corpus.web_rules import (
    AUDIT,
    BLOCKLIST,
    C4,
    FINEWEB,
    LANGUAGE,
    PERSONAL_DATA,
    PROSE,
    QUALITY,
    REPETITION,
)

PARAMS = CleanParams(
    min_chars=100,
    max_chars=100_000,
    max_word_chars=15.0,
    min_alphabetic_share=0.5,
    max_duplicate_line_share=0.5,
    min_entropy_bits=2.0,
    gopher_repetition=REPETITION,
    gopher_quality=QUALITY,
    c4=C4,
    fineweb=FINEWEB,
    language=LANGUAGE,
    blocklist=BLOCKLIST,
    personal_data=PERSONAL_DATA,
    audit=AUDIT,
    unwrap_lines=UnwrapLinesParams(sources=()),
)
LICENCE = (
    "This eBook is for the use of anyone anywhere and with almost no restrictions whatsoever. You may copy "
    "it under the terms of the Project Gutenberg License included with this eBook."
)
_RANDOM = random.Random(3).randbytes(3000)


def reason_to_drop(text: str, params: CleanParams) -> str:
    """The reason for a document of a source that no family of rules names."""
    return judge(text, params, source="pydocs").reason


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


def test_families_hold_for_the_sources_they_name() -> None:
    menu = "Home\nAbout us\nContact\n" * 3 + "The mill stands where the river bends. " * 3
    assert judge(menu, PARAMS, source="pydocs").reason == ""
    assert judge(menu, PARAMS, source="openwebtext").reason == "gopher_repeated_lines"


def test_what_is_left_of_a_page_is_kept_and_the_cut_lines_are_counted() -> None:
    judged = judge("Mills of the north\n" + PROSE, PARAMS, source="openwebtext")
    assert judged.text == PROSE.strip()
    assert judged.reason == ""
    assert judged.lines_cut == {"no_end_mark": 1}


def test_a_page_of_which_too_little_is_left_is_dropped() -> None:
    params = dataclasses.replace(PARAMS, min_chars=len(PROSE) + 5)
    assert judge("Mills of the north\n" + PROSE, params, source="openwebtext").reason == "c4_too_short"


def test_fineweb_s_rules_see_what_c4_left() -> None:
    short = "The mill is old.\n" * 20
    params = dataclasses.replace(PARAMS, gopher_repetition=dataclasses.replace(REPETITION, sources=()))
    assert judge(PROSE + short, params, source="openwebtext").reason.startswith("fineweb_")


GERMAN = (
    "Die Mühle steht dort, wo der Fluss eine Biegung macht, und sie steht dort seit dreihundert Jahren. "
    "Das Rad war aus Eiche; der letzte Müller ließ es nach der Flut durch eines aus Eisen ersetzen."
)


def test_another_language_than_asked_for_is_dropped_where_it_is_asked_for() -> None:
    english = dataclasses.replace(PARAMS, language=dataclasses.replace(LANGUAGE, sources=("files",)))
    assert judge(GERMAN, english, source="files").reason == "other_language"
    assert judge(GERMAN, english, source="files").language == "de"
    assert (judge(PROSE, english, source="files").reason, judge(PROSE, english, source="files").language) == (
        "",
        "en",
    )
    assert (
        judge(GERMAN, english, source="pydocs").reason,
        judge(GERMAN, english, source="pydocs").language,
    ) == (
        "",
        "",
    )


def test_a_text_in_no_sure_language_is_dropped() -> None:
    sure = dataclasses.replace(
        LANGUAGE, sources=("files",), keep=("en", "de", "la", "zxx"), min_probability=1.0
    )
    params = dataclasses.replace(PARAMS, language=sure)
    mixed = PROSE[:90] + "\n" + GERMAN[:90]
    assert judge(mixed, params, source="files").reason == "unsure_language"


def test_listed_words_drop_a_document_above_their_share() -> None:
    listed = BlocklistParams(sources=("files",), words=("Flood", "fed the pigs"), max_share=0.0)
    params = dataclasses.replace(PARAMS, blocklist=listed)
    assert judge(PROSE, params, source="files").reason == "blocklist"
    assert judge(PROSE, params, source="pydocs").reason == ""
    lenient = dataclasses.replace(params, blocklist=dataclasses.replace(listed, max_share=0.05))
    assert judge(PROSE, lenient, source="files").reason == ""
