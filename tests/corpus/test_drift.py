"""drift: compared only with a baseline of the same sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.artifacts import write_json
from pipeline.corpus.drift import Baseline, drift_from, read_baseline
from pipeline.corpus.lengths import Lengths
from pipeline.errors import DataError

BASELINE = Baseline({"pydocs": 300, "files": 100}, 200.0)


def lengths(size: int, *, mean_chars: float = 250.0) -> Lengths:
    return Lengths(documents=1, bytes=size, mean_chars=mean_chars, percentiles_chars={})


def test_a_longer_mean_is_a_positive_change_and_so_is_a_larger_share() -> None:
    drift = drift_from(
        BASELINE, overall=lengths(400), by_source={"files": lengths(200), "pydocs": lengths(200)}
    )
    assert (drift.status, drift.change_share, drift.baseline_mean_chars) == ("compared", 0.25, 200.0)
    assert drift.source_changes == {"files": 0.25, "pydocs": -0.25}


def test_another_set_of_sources_is_not_compared() -> None:
    drift = drift_from(BASELINE, overall=lengths(9), by_source={"pydocs": lengths(9)})
    assert (drift.status, drift.change_share, drift.source_changes) == ("other sources", None, {})


def test_before_anything_is_accepted_there_is_no_baseline(tmp_path: Path) -> None:
    assert read_baseline(tmp_path / "validate.json") is None
    assert drift_from(None, overall=lengths(9), by_source={}).status == "no baseline"


def test_accepted_metrics_are_read(tmp_path: Path) -> None:
    accepted = {"by_source": {"pydocs": {"bytes": 7}}, "overall": {"mean_chars": 12.5}}
    write_json(tmp_path / "validate.json", accepted)
    assert read_baseline(tmp_path / "validate.json") == Baseline({"pydocs": 7}, 12.5)


@pytest.mark.parametrize(
    "accepted",
    [
        {},
        {"by_source": {}, "overall": {"mean_chars": 0.0}},
        {"by_source": {"pydocs": {}}, "overall": {"mean_chars": 12.5}},
        {"by_source": {"pydocs": 5}, "overall": {"mean_chars": 12.5}},
        [],
        None,
    ],
)
def test_a_baseline_that_is_none_is_refused(tmp_path: Path, accepted: object) -> None:
    write_json(tmp_path / "validate.json", accepted)
    with pytest.raises(DataError, match=r"validate\.json: not the metrics of `validate`"):
        read_baseline(tmp_path / "validate.json")
