"""Every rule shows how much it took and some of what it took, whatever that text is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.reporting.cleaning import cleaning_section
from pipeline.reporting.document import Folded, Page, Passage, Table
from pipeline.reporting.metrics.run import Run, read_run
from pipeline.reporting.render import to_html, to_markdown
from tests.reporting.material import HOSTILE, write_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run."""
    return read_run(write_run(tmp_path) / "metrics")


def folded(run: Run, summary: str) -> Folded:
    """The part of the section that opens under this summary."""
    blocks = cleaning_section(run).blocks
    return next(block for block in blocks if isinstance(block, Folded) and block.summary == summary)


def test_each_source_has_its_waterfall_with_shares(run: Run) -> None:
    tables = [block for block in cleaning_section(run).blocks if isinstance(block, Table)]
    assert [table.columns[0] for table in tables] == ["pydocs", "files"]
    assert [row.cells for row in tables[0].rows] == [
        ("came in", "4,600", "100.00\u00a0%"),
        ("too short", "\u2212270", "5.87\u00a0%"),
        ("low entropy", "\u221230", "0.65\u00a0%"),
        ("kept", "4,300", "93.48\u00a0%"),
    ]


def test_examples_are_shown_and_cannot_act(run: Run) -> None:
    (passage,) = folded(run, "Examples dropped from files").blocks
    assert isinstance(passage, Passage)
    assert passage.speaker == "low entropy: files/low_entropy.txt (files-00ff)"
    assert passage.text == f"low_entropy\n\n{HOSTILE}"
    page = Page("t", (), (), (cleaning_section(run),))
    html, markdown = to_html(page), to_markdown(page, figures="figures")
    assert HOSTILE not in html
    assert "<script>" not in html
    assert "<i>" not in html
    assert "\u202e" not in html + markdown
    assert "\n````text\nlow_entropy\n" in markdown, "a fence longer than any inside"


def test_languages_are_shown_where_they_were_looked_for(run: Run) -> None:
    (table,) = folded(run, "Languages found").blocks
    assert isinstance(table, Table)
    assert table.columns[0] == "files"
    assert [row.cells[:2] for row in table.rows] == [("en", "870"), ("de", "7"), ("zxx", "3")]


def test_the_company_of_terms_is_shown_with_how_much_was_looked_at(run: Run) -> None:
    note, table, _ = folded(run, "Audit of terms for people").blocks
    assert "387,000 words of pydocs; 81,000 words of files." in note.text  # type: ignore[union-attr]
    assert isinstance(table, Table)
    assert table.rows[0].cells == ("millers", "21", "9", "flour (34.5 times), <i>bread</i> (3.2 times)")
