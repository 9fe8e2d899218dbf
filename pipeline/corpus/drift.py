"""How far a corpus has moved from the accepted baseline's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.artifacts import read_json
from pipeline.errors import DataError


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is compared of the accepted metrics of `validate`."""

    sources: frozenset[str]
    mean_chars: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The comparison; `change_share` is 0.1 when the mean text is a tenth longer than the baseline's."""

    status: Literal["no baseline", "other sources", "compared"]
    mean_chars: float
    baseline_mean_chars: float | None
    change_share: float | None


def read_baseline(path: Path) -> Baseline | None:
    """The baseline in an accepted `validate.json`, or None where none has been accepted yet.

    Raises DataError when the file is not what `validate` writes.
    """
    if not path.exists():
        return None
    match read_json(path):
        case {"by_source": dict(sources), "overall": {"mean_chars": float(mean_chars)}} if mean_chars > 0:
            return Baseline(frozenset(sources), mean_chars)
    raise DataError(f"{path}: not the metrics of `validate`; delete it and accept a run again")


def drift_from(baseline: Baseline | None, *, sources: Collection[str], mean_chars: float) -> Drift:
    """The drift of a corpus. A baseline of other sources is of another corpus: nothing is compared."""
    if baseline is None:
        return Drift("no baseline", mean_chars, None, None)
    if baseline.sources != frozenset(sources):
        return Drift("other sources", mean_chars, baseline.mean_chars, None)
    return Drift("compared", mean_chars, baseline.mean_chars, mean_chars / baseline.mean_chars - 1)
