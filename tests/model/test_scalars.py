"""TensorBoard sees every step once, also of a training that was stopped and resumed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from pipeline.errors import BusyError, ParamsError
from pipeline.model.checkpoint import CurvePoint
from pipeline.model.scalars import SCALARS, scalar_log
from tests.model.test_fitting import stopping_at
from tests.model.trainings import PARAMS, fitted

POINT = CurvePoint(1, 100, 3.5, 0.01, 0.25)


def shown(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every step and value of all event files below the folder, by scalar, as TensorBoard reads them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (training,) = folder.iterdir()
    assert len(list(training.iterdir())) == 1
    events = accumulator.EventAccumulator(str(training), purge_orphaned_data=False)
    events.Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def test_a_resumed_training_shows_each_step_once_with_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    monkeypatch.setenv("GRISTMILL_TENSORBOARD", str(tmp_path / "curves"))
    with pytest.raises(BusyError):
        fitted(tmp_path / "checkpoints", model=stopping_at(6, signal.SIGTERM))
    curve = fitted(tmp_path / "checkpoints").progress.curve
    found = shown(tmp_path / "curves")
    assert found.keys() == set(SCALARS)
    for name, steps in found.items():
        measured = [(point.step, getattr(point, name)) for point in curve]
        assert steps == [(step, pytest.approx(value)) for step, value in measured if value is not None]
    assert len(found["loss"]) == PARAMS.steps
    assert len(found["val_loss"]) == 3


def test_only_one_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    monkeypatch.setenv("GRISTMILL_TENSORBOARD", str(tmp_path / "curves"))
    with scalar_log("pretrain", run="0123456789abcdef", writing=False) as logged:
        logged(POINT)
    assert not (tmp_path / "curves").exists()
    with scalar_log("pretrain", run="0123456789abcdef", writing=True) as logged:
        logged(POINT)
    assert [path.name for path in (tmp_path / "curves").iterdir()] == ["pretrain-0123456789ab"]


def test_without_the_variable_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRISTMILL_TENSORBOARD", raising=False)
    monkeypatch.chdir(tmp_path)
    with scalar_log("pretrain", run="0123456789abcdef", writing=True) as logged:
        logged(POINT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writing", [True, False])
def test_without_the_package_every_process_names_the_extra(
    writing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_TENSORBOARD", str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    opened = scalar_log("pretrain", run="0123456789abcdef", writing=writing)
    with pytest.raises(ParamsError, match=r"GRISTMILL_TENSORBOARD: .* not installed; .*'\.\[tensorboard\]'"):
        opened.__enter__()
