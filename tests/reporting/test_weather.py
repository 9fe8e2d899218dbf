"""The page about the last run shows every stage's timings and survives there being none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError
from pipeline.reporting.weather import read_timings, weather_page, write_page


@pytest.fixture
def timings(tmp_path: Path) -> Path:
    """Timings of four stages, as `pipeline.stage` writes them."""
    folder = tmp_path / "timings"
    folder.mkdir()
    notes = {
        "pretrain": {"device": "cpu", "tokens_per_second": 12345.6, "ranks": [1, 2], "<b>": {"deep": 0.25}}
    }
    for stage in ("report", "pretrain", "clean@files", "generate"):
        record = {"seconds": 10.0, "cpu_seconds": 15.0, "peak_bytes": 250_000_000, **notes.get(stage, {})}
        (folder / f"{stage}.json").write_text(json.dumps(record))
    return folder


def test_stages_are_in_pipeline_order_and_unknown_ones_last(timings: Path) -> None:
    assert [timing.stage for timing in read_timings(timings)] == [
        "clean@files",
        "pretrain",
        "report",
        "generate",
    ]


def test_the_page_shows_seconds_memory_and_what_stages_noted(timings: Path) -> None:
    said = write_page(timings, timings.parent / "run.html")
    html = (timings.parent / "run.html").read_text(encoding="utf-8")
    assert said.endswith("run.html")
    for shown in (
        "40.0\u00a0s",
        "250\u00a0MB",
        "tokens per second",
        "12,346",
        "1, 2",
        "&lt;b&gt; deep",
        "0.25",
    ):
        assert shown in html, shown
    assert "<svg" in html
    assert "<script" not in html


def test_without_any_timings_the_page_says_so(tmp_path: Path) -> None:
    page = weather_page(read_timings(tmp_path / "absent"))
    assert page.verdict[0].text == "No stage has run on this machine yet."
    assert page.sections == ()


def test_a_file_that_holds_no_timings_is_named(timings: Path) -> None:
    (timings / "pack.json").write_text('{"seconds": "many"}')
    with pytest.raises(IntegrityError, match=r"pack\.json: not the timings of a stage"):
        read_timings(timings)
