"""The page about a corpus that was refused: each rule it breaks, how often, and examples to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.artifacts import write_bytes
from pipeline.reporting import numerals
from pipeline.reporting.document import Block, Folded, Page, Passage, Prose, Row, Section, Table
from pipeline.reporting.render import to_html


class Breach(Protocol):
    """A row that breaks a rule: its name, and the value found there."""

    @property
    def name(self) -> str: ...
    @property
    def found(self) -> str: ...


class Verdict(Protocol):
    """A rule, and how many of the `rows` that were looked at break it; `subject` says what they are."""

    @property
    def rule(self) -> str: ...
    @property
    def expectation(self) -> str: ...
    @property
    def column(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def passed(self) -> bool: ...
    @property
    def rows(self) -> int: ...
    @property
    def failing_rows(self) -> int: ...
    @property
    def examples(self) -> Sequence[Breach]: ...


def write_refusal(page: Path, corpus: str, verdicts: Sequence[Verdict], excerpts: Mapping[str, str]) -> None:
    """Writes the page, at once and whole."""
    write_bytes(page, to_html(refusal_page(corpus, verdicts, excerpts)).encode("utf-8"))


def refusal_page(corpus: str, verdicts: Sequence[Verdict], excerpts: Mapping[str, str]) -> Page:
    """The page about the corpus of that name; `excerpts` says how the texts of documents begin."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    said = (
        f"{corpus} breaks {numerals.count(len(failed))} of the {numerals.count(len(verdicts))} expectations "
        "it was held against. It is not used: nothing downstream of validate runs."
    )
    remedy = (
        "Mend the source, tighten clean or dedupe, or, where a rule does not fit this corpus, change it "
        "under validate in params.yaml; then run it again. A run that passes removes this page."
    )
    sections = [_section(number, verdict, excerpts) for number, verdict in enumerate(failed, start=1)]
    met = [verdict for verdict in verdicts if verdict.passed]
    if met:
        sections.append(Section("met", "What was met", "", (_overview(met),)))
    return Page("Corpus refused", (Prose(said, "marked"), Prose(remedy)), (), tuple(sections))


def _section(number: int, verdict: Verdict, excerpts: Mapping[str, str]) -> Section:
    share = verdict.failing_rows / max(verdict.rows, 1)
    lead = (
        f"Broken by {numerals.count(verdict.failing_rows)} of {numerals.count(verdict.rows)} "
        f"{verdict.subject} ({numerals.share(share, digits=2)})."
    )
    rows = tuple(Row((breach.name, breach.found)) for breach in verdict.examples)
    passages = tuple(
        Passage(breach.name, "", excerpts[breach.name])
        for breach in verdict.examples
        if breach.name in excerpts
    )
    blocks: list[Block | Folded] = []
    if rows:
        blocks.append(Table("Examples", ("Which", verdict.column), ("code", "code"), rows))
    if passages:
        blocks.append(Folded("How these texts begin", passages))
    blocks.append(Prose(f"Great Expectations: {verdict.expectation} on {verdict.column}."))
    return Section(f"rule-{number}", _capitalized(verdict.rule), lead, tuple(blocks))


def _overview(verdicts: Sequence[Verdict]) -> Table:
    rows = tuple(
        Row((_capitalized(verdict.rule), f"{numerals.count(verdict.rows)} {verdict.subject}"))
        for verdict in verdicts
    )
    return Table("", ("Rule", "Held for"), ("text", "text"), rows)


def _capitalized(rule: str) -> str:
    return rule[:1].upper() + rule[1:]
