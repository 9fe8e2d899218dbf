"""Checkpoints: whole or not used, two kept, never unpickled, never of another run."""

from __future__ import annotations

import logging
import pickle
import random
import shutil
from pathlib import Path

import pytest
import torch

from pipeline.errors import IntegrityError
from pipeline.model import checkpoint
from pipeline.model.checkpoint import CurvePoint, Progress, Snapshot, latest_checkpoint, save_checkpoint

RUN = "run-a"


def snapshot(step: int) -> Snapshot:
    """A small state that differs at every step; its floats need all their digits."""
    curve = [CurvePoint(number, 10 * number, 1 / (3 + number), 0.1, None) for number in range(1, step + 1)]
    progress = Progress(step, 10 * step, 1, 0, step, 1 / 3, curve)
    tensors = {"a.weight": torch.full((2, 3), 1 / (7 + step)), "b": torch.arange(step)}
    return Snapshot(progress, tensors, {"adamw.0.step": torch.tensor(float(step))}, tensors, tensors)


def saved(folder: Path, *steps: int) -> list[Path]:
    return [save_checkpoint(folder, snapshot(step), run=RUN) for step in steps]


def test_what_comes_back_is_what_was_saved(tmp_path: Path) -> None:
    saved(tmp_path, 3)
    found, wanted = latest_checkpoint(tmp_path, run=RUN), snapshot(3)
    assert found is not None
    assert found.progress == wanted.progress
    for name in ("weights", "moments", "average", "best"):
        ours, theirs = getattr(found, name), getattr(wanted, name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / "nothing", run=RUN) is None


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000010"]


DAMAGE = {
    "deleted": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "halved": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "of one byte": lambda path: path.write_bytes(path.read_bytes()[:1]),
    "without its last byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer by a byte": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
}
FLIPS = 50  # of each file: 300 in all
_STATE = ("weights", "moments", "average", "best")
FILES = (*(f"{name}.safetensors" for name in _STATE), "progress.json", "manifest.json")


@pytest.mark.parametrize("damage", sorted(DAMAGE))
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    name: str, damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, last = saved(tmp_path, 4, 8)
    DAMAGE[damage](last / name)
    with caplog.at_level(logging.WARNING):
        found = latest_checkpoint(tmp_path, run=RUN)
    assert found is not None
    assert found.progress.step == 4
    assert "step-00000008 is skipped" in caplog.text


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_step_is_damage(name: str, tmp_path: Path) -> None:
    first, last = saved(tmp_path, 4, 8)
    shutil.copyfile(first / name, last / name)
    found = latest_checkpoint(tmp_path, run=RUN)
    assert found is not None
    assert found.progress.step == 4


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_noticed_wherever_it_is(name: str, tmp_path: Path) -> None:
    _, last = saved(tmp_path, 4, 8)
    chance, whole = random.Random(name), (last / name).read_bytes()
    for _ in range(FLIPS):
        place, bit = chance.randrange(len(whole)), chance.randrange(8)
        (last / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        found = latest_checkpoint(tmp_path, run=RUN)
        assert found is not None
        assert found.progress.step == 4, f"bit {bit} of byte {place} was not noticed"
    (last / name).write_bytes(whole)
    again = latest_checkpoint(tmp_path, run=RUN)
    assert again is not None
    assert again.progress.step == 8


def test_a_checkpoint_under_another_step_s_name_is_not_used(tmp_path: Path) -> None:
    first, last = saved(tmp_path, 4, 8)
    shutil.rmtree(last)
    shutil.copytree(first, last)
    found = latest_checkpoint(tmp_path, run=RUN)
    assert found is not None
    assert found.progress.step == 4


def test_a_checkpoint_of_another_run_or_format_is_refused_with_both_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, 4)
    with pytest.raises(IntegrityError, match=r"is of run run-a, format 2; this is run run-b, format 2"):
        latest_checkpoint(tmp_path, run="run-b")
    monkeypatch.setattr(checkpoint, "FORMAT", 3)
    saved(tmp_path, 5)
    monkeypatch.undo()
    with pytest.raises(IntegrityError, match=r"is of run run-a, format 3; this is run run-a, format 2"):
        latest_checkpoint(tmp_path, run=RUN)


def test_a_pickle_in_its_place_is_never_loaded(tmp_path: Path) -> None:
    _, last = saved(tmp_path / "checkpoints", 4, 8)
    canary = tmp_path / "canary"
    (last / "weights.safetensors").write_bytes(pickle.dumps(_Evil(str(canary))))
    (last / "custom_checkpoint_0.pkl").write_bytes(pickle.dumps(_Evil(str(canary))))
    found = latest_checkpoint(tmp_path / "checkpoints", run=RUN)
    assert found is not None
    assert found.progress.step == 4
    assert not canary.exists()


class _Evil:
    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.canary, "w")
