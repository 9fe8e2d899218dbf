"""What was predicted of a run stands beside what it took."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError
from pipeline.prediction import Part, Prediction, read_prediction, write_prediction
from pipeline.reporting.foresight import Span, foresight_section
from pipeline.reporting.weather import write_page

MADE = datetime.datetime(2026, 1, 2, 3, 0, tzinfo=datetime.UTC)
PARTS = (
    Part("text stages, report", ("clean@files", "report"), 30.0),
    Part("pretrain", ("pretrain",), 100.0),
    Part("between the stages", (), 10.0),
)


def after(seconds: float, *, took: float) -> Span:
    """A stage that ended so long after the prediction."""
    return Span(MADE + datetime.timedelta(seconds=seconds), took)


SPANS = {
    "clean@files": after(25, took=20.0),
    "pretrain": after(140, took=110.0),
    "report": after(150, took=4.0),
}


def cells(spans: dict[str, Span]) -> list[tuple[str, ...]]:
    (table,) = foresight_section(Prediction(PARTS, MADE), spans).blocks
    return [tuple(cell.replace("\u00a0", " ") for cell in row.cells) for row in table.rows]  # type: ignore[union-attr]


def test_every_part_and_the_whole_are_compared() -> None:
    assert cells(SPANS) == [
        ("text stages, report", "30.0 s", "24.0 s", "−20.0 %"),
        ("pretrain", "1 min 40 s", "1 min 50 s", "+10.0 %"),
        ("between the stages", "10.0 s", "11.0 s", "+10.0 %"),
        ("the whole run", "2 min 20 s", "2 min 25 s", "+3.6 %"),
    ]


def test_a_stage_that_has_not_run_since_leaves_its_part_and_the_whole_open() -> None:
    rows = cells({**SPANS, "clean@files": after(-5, took=20.0)})
    assert [row[2] for row in rows] == ["–", "1 min 50 s", "–", "–"]
    rows = cells({name: span for name, span in SPANS.items() if name != "pretrain"})
    assert [row[2] for row in rows] == ["24.0 s", "–", "–", "–"]


def test_the_page_shows_what_was_predicted(tmp_path: Path) -> None:
    timings = tmp_path / "timings"
    write_prediction(timings, PARTS)
    os.utime(timings / "fit.json", (1_000_000_000, 1_000_000_000))
    record = {"seconds": 110.0, "cpu_seconds": 15.0, "peak_bytes": 250_000_000}
    (timings / "pretrain.json").write_text(json.dumps(record))
    write_page(timings, tmp_path / "run.html")
    html = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "Predicted and actual" in html
    assert "2001-09-09 at 01:46" in html
    assert "+10.0" in html


def test_without_a_prediction_there_is_none(tmp_path: Path) -> None:
    assert read_prediction(tmp_path) is None


@pytest.mark.parametrize("text", ["{}", "[]", '{"parts": [{"name": "a"}]}', '{"parts": 3}'])
def test_a_file_that_is_no_prediction_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(IntegrityError, match=r"fit\.json: not a prediction; remove it"):
        read_prediction(tmp_path)
