"""C4's rules: lines that are no sentences go, each for a counted reason, and so do pages of too few."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.corpus.families.c4 import NOTICES, keep_sentences, reason_to_cut
from tests.corpus.web_rules import C4, PROSE


def test_prose_stays_as_it_is() -> None:
    assert keep_sentences(PROSE, C4).text == PROSE.strip()
    assert keep_sentences(PROSE, C4).reason == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Read more", "no_end_mark"),
        ("And then it went on...", "no_end_mark"),
        ("Click here.", "few_words"),
        ("It is " + "a" * 1001 + ".", "long_word"),
        ("Please enable JavaScript to see this page.", "javascript"),
        ("This site uses cookies to know you.", "policy"),
        ('He said "yes, of course!"', ""),
    ],
)
def test_a_line_is_cut_for_the_first_rule_that_it_breaks(line: str, reason: str) -> None:
    assert reason_to_cut(line, NOTICES, C4) == reason


def test_lines_are_cut_and_counted_and_citations_taken_out() -> None:
    found = keep_sentences(f"Mills of the north\n{PROSE}It was rebuilt in brick.[12]\n\nMenu\n", C4)
    assert found.text == f"{PROSE}It was rebuilt in brick."
    assert found.cut == {"no_end_mark": 2}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE + "Lorem ipsum dolor sit amet.\n", "c4_lorem_ipsum"),
        (PROSE + "if (a) { return the value of b.\n", "c4_curly_bracket"),
        ("One sentence is here. And there is another.\n", "c4_few_sentences"),
        ("", "c4_few_sentences"),
    ],
)
def test_a_text_is_dropped_for_what_it_holds(text: str, reason: str) -> None:
    assert keep_sentences(text, C4).reason == reason


def test_a_notice_that_a_citation_parts_is_found_where_citations_are_cut() -> None:
    text = PROSE + "Read our terms[1] of use before you enter.\n"
    assert keep_sentences(text, C4).cut == {"policy": 1}
    assert keep_sentences(text, dataclasses.replace(C4, cut_citations=False)).cut == {}


def test_few_lines_are_enough_where_they_hold_enough_sentences() -> None:
    text = "It turned. It stopped. It turned again.\nThen it rained. Was it over? It was."
    assert keep_sentences(text, dataclasses.replace(C4, min_sentences=6)).reason == ""
    assert keep_sentences(text, dataclasses.replace(C4, min_sentences=7)).reason == "c4_few_sentences"


def test_every_rule_can_be_switched_off() -> None:
    lenient = dataclasses.replace(
        C4,
        require_end_mark=False,
        min_line_words=0,
        min_sentences=0,
        cut_citations=False,
        drop_curly_brackets=False,
    )
    assert keep_sentences("Menu {1}[2]", lenient).text == "Menu {1}[2]"
