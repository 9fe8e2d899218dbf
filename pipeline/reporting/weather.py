"""weather: writes reports/run.html, how the last run of each stage went on this machine.

    python -m pipeline.reporting.weather

Seconds, memory and speed differ from run to run: this page is no output of the pipeline, nothing reads it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts import read_json, write_bytes
from pipeline.command import command
from pipeline.errors import IntegrityError
from pipeline.prediction import PREDICTION, Prediction, read_prediction
from pipeline.reporting import numerals, theme
from pipeline.reporting.charts import Bar, bars, figure
from pipeline.reporting.document import Page, Prose, Row, Section, Table, Tile
from pipeline.reporting.foresight import Span, foresight_section
from pipeline.reporting.metrics.run import FILES
from pipeline.reporting.render import to_html

TIMINGS, PAGE = Path("reports/timings"), Path("reports/run.html")
ORDER = ("code", *(name.removesuffix(".json").replace("/", "@") for name in FILES), "report")
_MEASURED = ("seconds", "cpu_seconds", "peak_bytes")


@dataclass(frozen=True, slots=True)
class Timing:
    """How one stage's last run went; `notes` is what the stage itself recorded."""

    stage: str
    seconds: float
    cpu_seconds: float
    peak_bytes: float
    notes: Mapping[str, Any]
    ended: datetime.datetime


def read_timings(folder: Path) -> list[Timing]:
    """The timings of all stages, in pipeline order; IntegrityError for a file that is not one."""
    paths = (path for path in folder.glob("*.json") if not path.name.startswith("."))
    timings = [_timing(path) for path in paths if path.name != PREDICTION]
    return sorted(timings, key=lambda timing: (_place(timing.stage), timing.stage))


def weather_page(timings: Sequence[Timing], prediction: Prediction | None = None) -> Page:
    """The page about the timings, of which there may be none, and what was predicted of them."""
    title = "Gristmill: how the last run went"
    if not timings:
        return Page(title, (Prose("No stage has run on this machine yet."),), (), ())
    seconds = sum(timing.seconds for timing in timings)
    slowest = max(timings, key=lambda timing: timing.seconds)
    largest = max(timings, key=lambda timing: timing.peak_bytes)
    verdict = (
        f"All stages together took {numerals.duration(seconds)}, "
        f"{numerals.share(slowest.seconds / seconds if seconds else 0.0, digits=0)} of it {slowest.stage}."
    )
    remark = "A stage with nothing to do keeps the figures of the last time it ran."
    tiles = (
        Tile("Time", numerals.duration(seconds), "one stage after the other"),
        Tile(
            "CPU time", numerals.duration(sum(timing.cpu_seconds for timing in timings)), "over all processes"
        ),
        Tile("Largest memory", numerals.size(largest.peak_bytes), f"one process of {largest.stage}"),
    )
    spans = {timing.stage: Span(timing.ended, timing.seconds) for timing in timings}
    foreseen = () if prediction is None else (foresight_section(prediction, spans),)
    sections = (*foreseen, _seconds(timings), _notes(timings))
    return Page(title, (Prose(verdict), Prose(remark)), tiles, sections)


def write_page(timings: Path, page: Path) -> str:
    """Writes the page about the timings in the folder and says so in a line."""
    content = weather_page(read_timings(timings), read_prediction(timings))
    write_bytes(page, to_html(content).encode("utf-8"))
    return f"wrote {page}"


def _seconds(timings: Sequence[Timing]) -> Section:
    rows = [
        Bar(timing.stage, timing.seconds, numerals.duration(timing.seconds), colour=theme.MAIN)
        for timing in timings
    ]
    chart = figure(
        "seconds",
        lambda width: bars(rows, width),
        caption="Wall time of each stage, in pipeline order.",
        alt="Bar chart of the seconds each stage took",
    )
    table = Table(
        "",
        ("Stage", "Time", "CPU time", "CPU / wall", "Peak memory", "Ended (UTC)"),
        ("text", "number", "number", "number", "number", "number"),
        tuple(
            Row(
                (
                    timing.stage,
                    numerals.duration(timing.seconds),
                    numerals.duration(timing.cpu_seconds),
                    numerals.decimal(timing.cpu_seconds / max(timing.seconds, 1e-9), digits=2),
                    numerals.size(timing.peak_bytes),
                    f"{timing.ended:%Y-%m-%d %H:%M}",
                )
            )
            for timing in timings
        ),
    )
    lead = (
        "Peak memory is of the largest single process; CPU time over wall time says how many cores were busy."
    )
    return Section("time", "Time and memory", lead, (chart, table))


def _notes(timings: Sequence[Timing]) -> Section:
    rows = tuple(
        Row((timing.stage, key, value)) for timing in timings for key, value in _flat(timing.notes, prefix="")
    )
    if not rows:
        return Section("notes", "What the stages noted", "No stage noted anything.", ())
    table = Table("", ("Stage", "What", "Value"), ("text", "text", "number"), rows)
    return Section("notes", "What the stages noted", "", (table,))


def _flat(value: Any, *, prefix: str) -> Iterator[tuple[str, str]]:
    """Every number and word inside nested objects and lists, named by its path."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _flat(value[key], prefix=f"{prefix} {key}".strip().replace("_", " "))
    elif isinstance(value, list):
        yield prefix, ", ".join(str(item) for item in value)
    elif isinstance(value, float):
        yield (
            prefix,
            numerals.count(round(value)) if abs(value) >= 1000 else numerals.significant(value, digits=4),
        )
    elif isinstance(value, int) and not isinstance(value, bool):
        yield prefix, numerals.count(value)
    else:
        yield prefix, str(value)


def _timing(path: Path) -> Timing:
    record = read_json(path)
    known = isinstance(record, dict) and all(isinstance(record.get(name), int | float) for name in _MEASURED)
    if not known:
        raise IntegrityError(f"{path}: not the timings of a stage; remove it, the next run writes it anew")
    notes = {name: value for name, value in record.items() if name not in _MEASURED}
    ended = datetime.datetime.fromtimestamp(path.stat().st_mtime, tz=datetime.UTC)
    seconds, cpu_seconds, peak_bytes = (float(record[name]) for name in _MEASURED)
    return Timing(path.stem, seconds, cpu_seconds, peak_bytes, notes, ended)


def _place(stage: str) -> int:
    return ORDER.index(stage) if stage in ORDER else len(ORDER)


if __name__ == "__main__":
    command("weather", lambda: write_page(TIMINGS, PAGE))
