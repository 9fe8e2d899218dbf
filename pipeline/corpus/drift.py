"""How far a corpus has moved from the accepted baseline's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.artifacts import read_json
from pipeline.corpus.lengths import Lengths
from pipeline.errors import DataError


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is compared of the accepted metrics of `validate`; `source_bytes` is by source."""

    source_bytes: Mapping[str, int]
    mean_chars: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The comparison; `change_share` is 0.1 when the mean text is a tenth longer than the baseline's.

    `source_changes` says for each source how its share of all bytes changed: 0.1 from 20 % to 30 %.
    """

    status: Literal["no baseline", "other sources", "compared"]
    mean_chars: float
    baseline_mean_chars: float | None
    change_share: float | None
    source_changes: Mapping[str, float]


def read_baseline(path: Path) -> Baseline | None:
    """The baseline in an accepted `validate.json`, or None where none has been accepted yet.

    Raises DataError when the file is not what `validate` writes.
    """
    if not path.exists():
        return None
    match read_json(path):
        case {"by_source": dict(sources), "overall": {"mean_chars": float(mean_chars)}} if mean_chars > 0:
            sizes = {name: found["bytes"] for name, found in sources.items() if _has_bytes(found)}
            if len(sizes) == len(sources):
                return Baseline(sizes, mean_chars)
    raise DataError(f"{path}: not the metrics of `validate`; delete it and accept a run again")


def drift_from(baseline: Baseline | None, *, overall: Lengths, by_source: Mapping[str, Lengths]) -> Drift:
    """The drift of a corpus. A baseline of other sources is of another corpus: nothing is compared."""
    if baseline is None:
        return Drift("no baseline", overall.mean_chars, None, None, {})
    if baseline.source_bytes.keys() != by_source.keys():
        return Drift("other sources", overall.mean_chars, baseline.mean_chars, None, {})
    now = _shares({source: lengths.bytes for source, lengths in by_source.items()})
    before = _shares(baseline.source_bytes)
    return Drift(
        "compared",
        overall.mean_chars,
        baseline.mean_chars,
        overall.mean_chars / baseline.mean_chars - 1,
        {source: share - before[source] for source, share in now.items()},
    )


def _has_bytes(found: object) -> bool:
    return isinstance(found, dict) and isinstance(found.get("bytes"), int)


def _shares(sizes: Mapping[str, int]) -> dict[str, float]:
    total = max(sum(sizes.values()), 1)
    return {name: size / total for name, size in sizes.items()}
