"""Curves for TensorBoard, written beside a training when GRISTMILL_TENSORBOARD names a folder.

    GRISTMILL_TENSORBOARD=/tmp/curves dvc repro pretrain
    tensorboard --logdir /tmp/curves

Each training has a folder of its own there, named for its stage and for what it follows from (params, data).
The checkpoint holds the whole curve, so a resumed training writes its event file anew: no step is twice.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import ParamsError
from pipeline.model.checkpoint import CurvePoint

FOLDER_VARIABLE = "GRISTMILL_TENSORBOARD"
SCALARS = ("loss", "val_loss", "learning_rate", "gradient_norm")


@contextlib.contextmanager
def scalar_log(label: str, *, run: str, writing: bool) -> Iterator[Callable[[CurvePoint], None]]:
    """Takes the points of the training's curve, from its first step on; without the variable, nowhere.

    All processes of a training ask, and the one that is `writing` writes. ParamsError when TensorBoard is not
    installed.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        yield _ignore
        return
    new_writer = _writer_class()
    if not writing:
        yield _ignore
        return
    place = Path(folder) / f"{label}-{run[:12]}"
    for written_before in place.glob("events.out.tfevents.*"):
        written_before.unlink()
    with new_writer(log_dir=str(place)) as writer:
        yield functools.partial(_add, writer)


def _writer_class() -> Any:
    """torch's own writer of event files, which needs the package `tensorboard`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ParamsError(
            f"{FOLDER_VARIABLE}: is set, and TensorBoard is not installed; `.venv/bin/python -m pip install "
            "--constraint constraints.txt --editable '.[tensorboard]'` brings it, or unset the variable"
        ) from error
    return SummaryWriter


def _add(writer: Any, point: CurvePoint) -> None:
    for name in SCALARS:
        value = getattr(point, name)
        if value is not None:
            writer.add_scalar(name, value, point.step)


def _ignore(_: CurvePoint) -> None:
    """What becomes of a point when nobody asked for it."""
