"""drift: compared only with a baseline of the same sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.artifacts import write_json
from pipeline.corpus.drift import Baseline, drift_from, read_baseline
from pipeline.errors import DataError

BASELINE = Baseline(frozenset({"pydocs", "files"}), 200.0)


def test_a_longer_mean_is_a_positive_change() -> None:
    drift = drift_from(BASELINE, sources=["files", "pydocs"], mean_chars=250.0)
    assert (drift.status, drift.change_share, drift.baseline_mean_chars) == ("compared", 0.25, 200.0)


def test_another_set_of_sources_is_not_compared() -> None:
    drift = drift_from(BASELINE, sources=["pydocs"], mean_chars=250.0)
    assert (drift.status, drift.change_share) == ("other sources", None)


def test_before_anything_is_accepted_there_is_no_baseline(tmp_path: Path) -> None:
    assert read_baseline(tmp_path / "validate.json") is None
    assert drift_from(None, sources=["pydocs"], mean_chars=250.0).status == "no baseline"


def test_accepted_metrics_are_read(tmp_path: Path) -> None:
    write_json(tmp_path / "validate.json", {"by_source": {"pydocs": {}}, "overall": {"mean_chars": 12.5}})
    assert read_baseline(tmp_path / "validate.json") == Baseline(frozenset({"pydocs"}), 12.5)


@pytest.mark.parametrize("accepted", [{}, {"by_source": {}, "overall": {"mean_chars": 0.0}}, [], None])
def test_a_baseline_that_is_none_is_refused(tmp_path: Path, accepted: object) -> None:
    write_json(tmp_path / "validate.json", accepted)
    with pytest.raises(DataError, match=r"validate\.json: not the metrics of `validate`"):
        read_baseline(tmp_path / "validate.json")
