"""The waterfall accounts for every document, source by source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.reporting.account import account_section, unaccounted, waterfall
from pipeline.reporting.document import Table
from pipeline.reporting.metrics.run import SOURCES, Run, read_run
from tests.reporting.material import write_run


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A finished run's reports folder."""
    return write_run(tmp_path)


def test_every_document_read_is_packed_or_dropped_for_a_reason(reports: Path) -> None:
    steps = waterfall(read_run(reports / "metrics"))
    assert steps[0].total == 6000
    assert sum(step.total for step in steps if step.dropped) == 1000
    assert steps[-1].documents == dict.fromkeys(SOURCES, 0) | {"pydocs": 4150, "files": 850}
    assert set(unaccounted(steps).values()) == {0}


def test_a_lost_document_is_marked(reports: Path) -> None:
    path = reports / "metrics/ingest/files.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "documents_in": 1001}))
    run = read_run(reports / "metrics")
    assert unaccounted(waterfall(run))["files"] == 1
    rows = {row.cells[0]: row for row in documents_table(run).rows}
    assert (rows["unaccounted for"].cells[1:], rows["unaccounted for"].role) == (("0", "1", "1"), "marked")


def test_the_table_has_a_column_for_each_source_that_is_on(reports: Path) -> None:
    run = read_run(reports / "metrics")
    table = documents_table(run)
    assert table.columns == ("", "pydocs", "files", "all")
    rows = {row.cells[0]: row.cells[1:] for row in table.rows}
    assert rows["exact duplicate"] == ("\u2212100", "\u221240", "\u2212140")
    assert rows["kept by dedupe"] == ("4,150", "850", "5,000")
    assert "gutenberg, openwebtext, wikipedia" in account_section(run).lead


def documents_table(run: Run) -> Table:
    """The table of documents by source."""
    return next(block for block in account_section(run).blocks if isinstance(block, Table))
