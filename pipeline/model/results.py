"""What a finished training comes to: its figures, and its curve as a CSV file with one row a step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from pipeline.errors import NumericsError
from pipeline.model.batches import BatchOrder
from pipeline.model.checkpoint import CurvePoint
from pipeline.model.fitting import Fitted, Gates
from pipeline.model.spikes import spike_steps

CURVE_HEADER = "step,tokens,loss,val_loss,learning_rate,gradient_norm"


@dataclasses.dataclass(frozen=True, slots=True)
class LossSummary:
    """The ends of one loss over a training, in nats per token."""

    first: float
    last: float
    best: float


@dataclasses.dataclass(frozen=True, slots=True)
class TrainingMetrics:
    """How much was learned from and how far it came. Those of `best_step` are published."""

    steps: int
    tokens: int  # targets learned from
    epochs: float
    skipped_steps: int  # their loss or gradient was not finite
    spikes: int  # steps whose loss or gradient jumped, see spikes.py
    spike_steps: tuple[int, ...]  # which
    best_step: int
    train_loss: LossSummary
    val_loss: LossSummary
    gates: Gates


def training_metrics(fitted: Fitted, order: BatchOrder) -> TrainingMetrics:
    """The figures of a finished training; NumericsError when every step of it was skipped."""
    progress = fitted.progress
    spiked = spike_steps(progress.curve)
    return TrainingMetrics(
        steps=progress.step,
        tokens=progress.tokens,
        epochs=order.epochs(progress.step),
        skipped_steps=progress.skipped_steps,
        spikes=len(spiked),
        spike_steps=spiked,
        best_step=progress.best_step or progress.step,
        train_loss=_summary(point.loss for point in progress.curve),
        val_loss=_summary(point.val_loss for point in progress.curve),
        gates=fitted.gates,
    )


def curve_csv(points: Iterable[CurvePoint]) -> bytes:
    """The points as CSV in a fixed number format; `nan` where nothing was measured (DVC would draw an empty
    field as 0).
    """
    rows = [
        f"{point.step},{point.tokens},{_number(point.loss)},{_number(point.val_loss)},"
        f"{_number(point.learning_rate)},{_number(point.gradient_norm)}"
        for point in points
    ]
    return ("\n".join([CURVE_HEADER, *rows]) + "\n").encode()


def _summary(losses: Iterable[float | None]) -> LossSummary:
    measured = [loss for loss in losses if loss is not None]
    if not measured:
        raise NumericsError("every step was skipped for a loss or gradient that was not finite")
    return LossSummary(first=measured[0], last=measured[-1], best=min(measured))


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.6g}"
