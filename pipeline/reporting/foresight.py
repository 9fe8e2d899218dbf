"""Predicted and actual: what `make fit` expected of a run beside what its stages took."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.prediction import Part, Prediction
from pipeline.reporting import numerals
from pipeline.reporting.document import Row, Section, Table


@dataclass(frozen=True, slots=True)
class Span:
    """When a stage's last run ended, and how many seconds it had taken."""

    ended: datetime.datetime
    seconds: float

    @property
    def started(self) -> datetime.datetime:
        """When it began."""
        return self.ended - datetime.timedelta(seconds=self.seconds)


def foresight_section(prediction: Prediction, spans: Mapping[str, Span]) -> Section:
    """A row for each part of the run, and the whole.

    A part counts when all its stages have run since: DVC leaves out those with nothing to do.
    """
    since = {stage: span for stage, span in spans.items() if span.ended > prediction.made}
    actual = {part.name: actual_seconds(part, prediction, since) for part in prediction.parts}
    rows = [_row(part.name, part.seconds, actual[part.name]) for part in prediction.parts]
    known = [seconds for seconds in actual.values() if seconds is not None]
    whole = sum(known) if len(known) == len(actual) else None
    total = _row("the whole run", prediction.seconds, whole)
    lead = f"Predicted by the command make fit on {prediction.made:%Y-%m-%d at %H:%M} (UTC)."
    if whole is None:
        lead += " A dash: not all stages of that part have run since."
    table = Table(
        "",
        ("Part", "Predicted", "Actual", "Actual against predicted"),
        ("text", "number", "number", "number"),
        (*rows, Row(total.cells, "total")),
    )
    return Section("foresight", "Predicted and actual", lead, (table,))


def actual_seconds(part: Part, prediction: Prediction, since: Mapping[str, Span]) -> float | None:
    """What the part took, None when stages of it have not run since.

    The part without stages is what lies between them all, from the first one's start to the last one's end.
    """
    wanted = part.stages or [stage for other in prediction.parts for stage in other.stages]
    if any(stage not in since for stage in wanted):
        return None
    busy = sum(since[stage].seconds for stage in wanted)
    if part.stages:
        return busy
    first = min(since[stage].started for stage in wanted)
    last = max(since[stage].ended for stage in wanted)
    return max(0.0, (last - first).total_seconds() - busy)


def _row(name: str, predicted: float, actual: float | None) -> Row:
    if actual is None:
        return Row((name, numerals.duration(predicted), numerals.DASH, numerals.DASH))
    change = numerals.signed_share(actual / max(predicted, 1e-9) - 1, digits=1)
    return Row((name, numerals.duration(predicted), numerals.duration(actual), change))
