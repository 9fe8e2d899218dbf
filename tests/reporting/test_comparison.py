"""What changed against the accepted baseline is found, marked and explained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.reporting.comparison import Comparison, compare, comparison_section, made_differently
from pipeline.reporting.document import Table
from pipeline.reporting.metrics.run import read_run
from tests.reporting.material import write_run


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A finished run, accepted as it is."""
    reports = write_run(tmp_path)
    shutil.copytree(reports / "metrics", reports / "baseline")
    return reports


def compared(reports: Path, *, notable: float = 0.01) -> Comparison:
    """The comparison of the run with its baseline."""
    return compare(read_run(reports / "metrics"), reports / "baseline", notable_change_share=notable)


def change_baseline(reports: Path, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edits one JSON file of the baseline."""
    path = reports / "baseline" / name
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def test_an_unchanged_run_has_no_notable_change_and_no_difference(reports: Path) -> None:
    comparison = compared(reports)
    assert (comparison.problem, comparison.notable, comparison.differences) == (None, (), ())
    assert len(comparison.changes) == 15


def test_a_change_is_marked_when_it_is_large_or_leaves_the_interval(reports: Path) -> None:
    def edit(metrics: dict[str, Any]) -> None:
        metrics["splits"]["test"]["total"] |= {
            "bits_per_byte": 1.90,
            "bits_per_byte_low": 1.89,
            "bits_per_byte_high": 1.91,
        }

    change_baseline(reports, "evaluate/base.json", edit)
    notable = {change.now.name: change.reasons for change in compared(reports).notable}
    assert notable == {"bits per byte, base, test": ("large change", "outside the interval")}
    notable = {change.now.name: change.reasons for change in compared(reports, notable=0.5).notable}
    assert notable == {"bits per byte, base, test": ("outside the interval",)}


def test_the_table_marks_the_change_and_says_how_large_it_is(reports: Path) -> None:
    change_baseline(reports, "dedupe.json", lambda metrics: metrics.update(documents_kept=4000))
    section = comparison_section(compared(reports))
    table = next(block for block in section.blocks if isinstance(block, Table))
    marked = [row.cells for row in table.rows if row.role == "marked"]
    assert marked == [("documents kept", "4,000", "5,000", "+1,000", "+25.00\u00a0%", "large change")]


def test_other_params_code_and_corpus_are_named(reports: Path) -> None:
    change_baseline(
        reports, "clean/files.json", lambda metrics: metrics["provenance"]["params"].update(min_chars=50)
    )
    change_baseline(reports, "pretrain.json", lambda metrics: metrics["provenance"].update(code="0" * 64))
    change_baseline(
        reports, "pack.json", lambda metrics: metrics["provenance"].update(inputs={"data/dedupe": "0" * 64})
    )
    said = made_differently(compared(reports))
    assert "other params (clean@files: min_chars)" in said
    assert "other code (pretrain)" in said
    assert "another corpus" in said


def test_the_baseline_itself_is_not_a_difference(reports: Path) -> None:
    def edit(metrics: dict[str, Any]) -> None:
        metrics["provenance"]["inputs"]["reports/baseline"] = "0" * 64

    change_baseline(reports, "validate.json", edit)
    assert compared(reports).differences == ()


def test_an_absent_baseline_is_said_plainly(reports: Path) -> None:
    shutil.rmtree(reports / "baseline")
    (reports / "baseline").mkdir()
    (reports / "baseline/README.md").write_text("nothing accepted yet")
    comparison = compared(reports)
    assert comparison.problem is not None
    assert comparison.problem.startswith("No run has been accepted")
    assert comparison.changes == ()


def test_a_baseline_of_another_shape_is_said_plainly_and_names_the_key(reports: Path) -> None:
    change_baseline(reports, "pack.json", lambda metrics: metrics.pop("splits"))
    comparison = compared(reports)
    assert comparison.problem == (
        "The accepted baseline cannot be compared with (pack.json: splits: missing): accept a run anew."
    )


def test_a_change_from_nothing_has_no_relative_size(reports: Path) -> None:
    def edit(metrics: dict[str, Any]) -> None:
        metrics["formats"]["int8"]["divergence"]["mean_kl"] = 0.0

    change_baseline(reports, "quantize.json", edit)
    section = comparison_section(compared(reports))
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert [row.cells[4] for row in table.rows if row.role == "marked"] == ["new"]
