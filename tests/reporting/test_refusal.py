"""refusal: the page names every broken rule with its count and examples, and nothing in it acts."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.refusal import refusal_page
from pipeline.reporting.render import to_html


@dataclass(frozen=True)
class Example:
    """A row that breaks a rule."""

    name: str
    found: str


@dataclass(frozen=True)
class Verdict:
    """What validate found of one rule."""

    rule: str
    passed: bool = False
    examples: tuple[Example, ...] = ()
    expectation: str = "ExpectColumnValuesToBeBetween"
    column: str = "chars"
    subject: str = "documents"
    rows: int = 2000
    failing_rows: int = 3


def page(*verdicts: Verdict, **excerpts: str) -> str:
    return to_html(refusal_page("data/dedupe", verdicts, excerpts))


def test_each_broken_rule_is_a_section_and_the_others_are_listed() -> None:
    shown = page(
        Verdict("a text is short", examples=(Example("a", "7"),)), Verdict("ids are one", passed=True)
    )
    assert "breaks 1 of the 2 expectations" in shown
    assert "<h2>A text is short</h2>" in shown
    assert "Broken by 3 of 2,000 documents (0.15 %)" in shown.replace("\u202f", " ").replace("\u00a0", " ")
    assert "Ids are one" in shown.partition("What was met")[2]


def test_texts_are_shown_and_do_not_act() -> None:
    bad = Verdict("r<b>", examples=(Example("doc", "<img src=x onerror=alert(1)>"),))
    shown = page(bad, doc="<script>alert(1)</script>\x1b[2J\u202e")
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\u2039U+001B\u203a[2J\u2039U+202E\u203a" in shown
    assert "How these texts begin" in shown


def test_a_rule_about_something_else_than_texts_has_no_texts() -> None:
    assert "How these texts begin" not in page(Verdict("splits", examples=(Example("val", "12"),)))
