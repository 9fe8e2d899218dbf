"""Gopher's rules: prose passes, and each rule drops what it names."""

from __future__ import annotations

import pytest

from pipeline.corpus.families import gopher_quality, gopher_repetition
from pipeline.corpus.traits import Traits
from tests.corpus.web_rules import PROSE, QUALITY, REPETITION


def broken(text: str) -> list[str]:
    """Every rule of both families that the text breaks."""
    traits = Traits(text)
    return [
        *(reason for reason, rule in gopher_repetition.RULES.items() if rule(traits, REPETITION)),
        *(reason for reason, rule in gopher_quality.RULES.items() if rule(traits, QUALITY)),
    ]


def test_prose_breaks_no_rule() -> None:
    assert broken(PROSE) == []


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("gopher_few_words", "The mill stands where the river bends and that is all."),
        ("gopher_many_words", PROSE * 12),
        ("gopher_short_words", "I am to be in on it as we go up to an ox. " * 8),
        ("gopher_long_words", "Counterrevolutionaries institutionalization of the " * 20),
        ("gopher_hashes", PROSE + "# " * 20),
        ("gopher_ellipses", PROSE + "and ... " * 30),
        ("gopher_list", "".join(f"- {line}\n" for line in PROSE.splitlines())),
        ("gopher_cut_short", PROSE.replace(".\n", "...\n")),
        ("gopher_few_alphabetic_words", PROSE + "12 34 % = + " * 12),
        ("gopher_few_stop_words", "El molino está junto al río desde hace trescientos años. " * 10),
        ("gopher_repeated_paragraphs", "\n\n".join([*PROSE.splitlines(), *PROSE.splitlines()[:3]])),
        ("gopher_repeated_paragraph_characters", "\n\n".join([*PROSE.splitlines(), *PROSE.splitlines()[:2]])),
        ("gopher_repeated_lines", PROSE + "Menu\nHome\nMenu\nHome\nMenu\nHome\nMenu\nHome\n"),
        ("gopher_repeated_line_characters", PROSE + PROSE[:300]),
        ("gopher_top_2_gram", PROSE + "Pennsylvania Railroad. " * 12),
        ("gopher_top_3_gram", PROSE + "Pennsylvania Railroad Company. " * 12),
        ("gopher_top_4_gram", PROSE + "Pennsylvania Railroad Company advertises. " * 12),
        ("gopher_repeated_5_grams", PROSE + " " + PROSE[:200]),
        ("gopher_repeated_10_grams", PROSE + " " + PROSE[:200]),
    ],
)
def test_each_rule_drops_what_it_names(reason: str, text: str) -> None:
    assert reason in broken(text)


def test_every_rule_says_what_it_means() -> None:
    assert all((rule.__doc__ or "").strip() for rule in gopher_quality.RULES.values())
