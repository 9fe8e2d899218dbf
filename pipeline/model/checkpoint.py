"""Checkpoints: everything a training needs to go on as if it had never stopped.

    checkpoints/step-00000100/  manifest.json  weights.safetensors  best.safetensors  moments.safetensors
    average.safetensors  progress.json

Each is an artifact: it appears whole, every byte of it is hashed, and it is verified when it is read. Two
are kept; an old one goes only after the new one has been read back. A damaged one is named in a log line
and the one before it used. Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from pipeline.artifacts import open_artifact, publishing, read_json, write_json
from pipeline.errors import IntegrityError
from pipeline.model.weights import read_tensors

KIND = "checkpoint"
FORMAT = 2
PROGRESS = "progress.json"
KEPT = 2
_TENSORS = ("weights", "moments", "average", "best")
_NAME = re.compile(r"step-(\d{8,})")
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class CurvePoint:
    """One step of the training curve. `loss` and `gradient_norm` are None for a skipped step."""

    step: int  # 1 is the first update
    tokens: int  # targets learned from so far
    loss: float | None  # of this step's batch, nats per token
    learning_rate: float  # of the hidden matrices
    gradient_norm: float | None  # before clipping
    val_loss: float | None = None  # None where it was not measured


@dataclasses.dataclass(slots=True)
class Progress:
    """How far a training is: all of its state besides tensors."""

    step: int = 0
    tokens: int = 0
    skipped_steps: int = 0
    skipped_in_a_row: int = 0
    best_step: int | None = None
    best_val_loss: float | None = None
    curve: list[CurvePoint] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """A training at a step edge: progress, current weights, optimizer moments, average of the weights (empty
    without one), best weights so far.
    """

    progress: Progress
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    average: dict[str, Tensor]
    best: dict[str, Tensor]


def save_checkpoint(folder: Path, snapshot: Snapshot, *, run: str) -> Path:
    """Writes the checkpoint of the snapshot's step, reads it back, removes all but the last two of `folder`.

    `run` identifies what is trained (params, data): a checkpoint of another run is refused when it is read.
    """
    progress = snapshot.progress
    path = folder / f"step-{progress.step:08d}"
    with publishing(path, kind=KIND, facts={"step": progress.step}) as files:
        for name in _TENSORS:
            tensors: dict[str, Tensor] = getattr(snapshot, name)
            state = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
            save_file(state, files / f"{name}.safetensors")
        write_json(files / PROGRESS, {"format": FORMAT, "run": run, **dataclasses.asdict(progress)})
    open_artifact(path, kind=KIND)
    for old in _checkpoints(folder)[KEPT:]:
        shutil.rmtree(old)
    return path


def latest_checkpoint(folder: Path, *, run: str) -> Snapshot | None:
    """The newest checkpoint that is whole, or None; damaged ones are named in a log line and left alone.

    Raises IntegrityError for a whole checkpoint of another run or format.
    """
    for path in _checkpoints(folder):
        try:
            open_artifact(path, kind=KIND)
            values = read_json(path / PROGRESS)
            found = (values.pop("format", None), values.pop("run", None))
            if found == (FORMAT, run):
                return _read(path, values)
        except IntegrityError as error:
            _log.warning("checkpoint %s is skipped: %s", path.name, error)
        else:
            raise IntegrityError(
                f"{path}: is of run {found[1]}, format {found[0]}; this is run {run}, format {FORMAT}; "
                f"remove {folder}"
            )
    return None


def _checkpoints(folder: Path) -> list[Path]:
    """All checkpoint folders, the newest first."""
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")), reverse=True)


def _read(path: Path, values: dict[str, Any]) -> Snapshot:
    """The verified checkpoint's state; IntegrityError when it is not that of the step in its name."""
    try:
        progress = Progress(**values | {"curve": [CurvePoint(**point) for point in values["curve"]]})
    except (TypeError, KeyError) as error:
        raise IntegrityError(f"{path / PROGRESS}: not the progress of a training ({error})") from error
    if path.name != f"step-{progress.step:08d}":
        raise IntegrityError(f"{path}: holds step {progress.step}")
    tensors = {name: read_tensors(path / f"{name}.safetensors") for name in _TENSORS}
    return Snapshot(progress, **tensors)
