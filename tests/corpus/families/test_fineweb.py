"""FineWeb's line rules: prose passes, lists and menus do not."""

from __future__ import annotations

import pytest

from pipeline.corpus.families.fineweb import RULES
from pipeline.corpus.traits import Traits
from tests.corpus.web_rules import FINEWEB, PROSE


def broken(text: str) -> list[str]:
    return [reason for reason, rule in RULES.items() if rule(Traits(text), FINEWEB)]


def test_prose_breaks_no_rule() -> None:
    assert broken(PROSE) == []


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("fineweb_few_ended_lines", PROSE.replace(".\n", "\n")),
        ("fineweb_short_lines", PROSE + "A short line.\n" * 20),
        ("fineweb_repeated_line_characters", PROSE + PROSE.splitlines()[0]),
        ("fineweb_many_line_ends", "One two.\n" * 30),
    ],
)
def test_each_rule_drops_what_it_names(reason: str, text: str) -> None:
    assert reason in broken(text)
