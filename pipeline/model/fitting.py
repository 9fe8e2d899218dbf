"""A whole training: the loop, and around it what pretraining and fine-tuning have in common.

Evaluation over the full validation split, checkpoints, going on from one, stopping when asked, the gates on
the model, and the best weights by validation loss, which are the ones that a stage publishes. Where params
ask for an average of the weights, it is what is measured, kept as the best and so published.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from torch import Tensor

from pipeline.errors import BusyError, NumericsError, ResourceError
from pipeline.model.averaging import WeightAverage
from pipeline.model.batches import Batch, BatchOrder, Items, in_order
from pipeline.model.checkpoint import CurvePoint, Progress, Snapshot, latest_checkpoint, save_checkpoint
from pipeline.model.clock import Clock, Weather
from pipeline.model.compiling import arrange_passes
from pipeline.model.gates import check_causality, check_first_loss, shaken
from pipeline.model.gradients import Gradients, gradients_of
from pipeline.model.interruption import StopRequest
from pipeline.model.losses import Regularization
from pipeline.model.optimization import build_optimizers, peak_learning_rate
from pipeline.model.runtime import Runtime
from pipeline.model.scalars import scalar_log
from pipeline.model.sharding import collected, fill, place
from pipeline.model.training import StepRecord, TrainingParams, summed_loss, train
from pipeline.model.transformer import Transformer
from pipeline.progress import Meter
from pipeline.settings.training import RuntimeParams

_log = logging.getLogger(__name__)


class FittingParams(TrainingParams, Protocol):
    """What a whole training needs of its stage's params."""

    @property
    def runtime(self) -> RuntimeParams: ...
    @property
    def evaluate_every_steps(self) -> int: ...
    @property
    def checkpoint_every_steps(self) -> int: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    """The items to learn from, in which order, and the ones to measure on."""

    train: Items
    val: Items
    order: BatchOrder


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """What is trained, under which name, and where its checkpoints live.

    `run` identifies params and data. An `untrained` model must start at a loss that its first weights imply.
    """

    label: str
    run: str
    folder: Path
    untrained: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Gates:
    """What the gates measured; a training that fails one raises instead."""

    first_loss_distance: float | None  # relative to ln(vocab_size); None for a model that was trained before
    causality_leak: float  # logits


@dataclasses.dataclass(frozen=True, slots=True)
class Fitted:
    """A finished training. `best` holds the weights, or their average, with the lowest validation loss."""

    progress: Progress
    best: dict[str, Tensor]
    val_targets: int
    gates: Gates
    weather: Weather


def fit(model: Transformer, data: Data, task: Task, *, params: FittingParams, runtime: Runtime) -> Fitted:
    """Trains the model in place, from its last good checkpoint if there is one.

    Raises NumericsError for a gate that fails or a training that diverges, BusyError (resumable) when asked
    to stop.
    """
    clock = Clock(model, runtime)
    with clock.timing("gate"):
        check_causality(shaken(model))
    placed = place(model, runtime)
    training = _Training(placed, data, task, params=params, runtime=runtime, clock=clock)
    with StopRequest() as stop:
        training.run(stop)
    with clock.timing("gate"):
        gates = Gates(training.first_loss_distance(), check_causality(model))
    val_targets = sum(batch.num_targets for batch in in_order(data.val, data.order.unit_items))
    return Fitted(training.progress, training.best, val_targets, gates, clock.weather())


class _Training:
    """One training under way: the state that a checkpoint holds, and the policy at each step's edge."""

    def __init__(
        self,
        model: Transformer,
        data: Data,
        task: Task,
        *,
        params: FittingParams,
        runtime: Runtime,
        clock: Clock,
    ) -> None:
        self.model, self.data, self.task, self.params, self.runtime = model, data, task, params, runtime
        self.optimizers = build_optimizers(model, params.optimization, dtype=runtime.dtype)
        decay = params.optimization.ema_decay
        self.average = None if decay is None else WeightAverage(model, decay=decay)
        arrange_passes(model, params.runtime)
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self.clock = clock
        self._saved_step = 0
        found = latest_checkpoint(task.folder, run=task.run)
        if not runtime.agree(f"{task.run} {found.progress.step if found else 0}"):
            raise ResourceError(f"{task.folder}: other processes see another; put it on shared storage")
        if found is not None:
            self._continue_from(found)

    def run(self, stop: StopRequest) -> None:
        """Trains to the last step; BusyError at a step's edge, after a checkpoint, when asked to stop.

        NumericsError when the first loss is wrong or the training diverges.
        """
        meter = Meter(label=self.task.label, total=self.params.steps, unit="step", done=self.progress.step)
        steps = train(
            self.model,
            self.optimizers,
            self._gradients(),
            start=self.progress,
            params=self.params,
        )
        log = scalar_log(self.task.label, run=self.task.run, writing=self.runtime.rank == 0)
        with log as logged, self.clock.timing("all"), contextlib.closing(meter):
            self._at_edge(stop)
            for point in self.progress.curve:
                logged(point)
            for record in steps:
                self._take_down(record)
                if self.runtime.rank == 0:
                    meter.show(record.step, self.clock.note(record.loss))
                self._at_edge(stop)
                logged(self.progress.curve[-1])

    def _gradients(self) -> Gradients:
        params = self.params.optimization
        added = Regularization(params.label_smoothing, params.z_loss)
        order = self.data.order
        return gradients_of(self.model, self.data.train, order, runtime=self.runtime, regularization=added)

    def first_loss_distance(self) -> float | None:
        """How far from ln(vocab_size) an untrained model started, relative to it; None for a trained model.

        NumericsError when the loss is none that its initialization implies.
        """
        loss = self.progress.curve[0].loss
        if not self.task.untrained or loss is None:  # a step that was not finite is skipped and counted
            return None
        return check_first_loss(loss, self.model.config)

    def _take_down(self, record: StepRecord) -> None:
        """Adds a finished step to the progress; the first one's loss must be one of an untrained model."""
        progress = self.progress
        progress.step = record.step
        progress.tokens += record.targets
        progress.skipped_steps += record.skipped
        progress.skipped_in_a_row = progress.skipped_in_a_row + 1 if record.skipped else 0
        if self.average is not None and not record.skipped:
            self.average.update(updates=progress.step - progress.skipped_steps)
        point = CurvePoint(
            step=record.step,
            tokens=progress.tokens,
            loss=None if record.skipped else record.loss,
            learning_rate=record.learning_rate_share * peak_learning_rate(self.params.optimization),
            gradient_norm=None if record.skipped else record.gradient_norm,
        )
        progress.curve.append(point)
        if record.step == 1:
            self.first_loss_distance()
        positions = self.data.order.batch_items * self.model.config.context_tokens
        self.clock.step_done(tokens=record.targets, positions=positions)

    def _at_edge(self, stop: StopRequest) -> None:
        """Evaluates and saves where that is due; saves and raises BusyError when asked to stop."""
        step, params = self.progress.step, self.params
        last = step == params.steps
        asked = self.runtime.any(stop.requested)
        measured = not step or self.progress.curve[-1].val_loss is not None
        if not asked and not measured and (last or step % params.evaluate_every_steps == 0):
            self._evaluate(stop)
            asked = self.runtime.any(stop.requested)
        if step != self._saved_step and (asked or last or step % params.checkpoint_every_steps == 0):
            self._save()
        if asked:
            raise BusyError(f"stopped after step {step} of {params.steps}; run it again to go on from there")

    def _evaluate(self, stop: StopRequest) -> None:
        """Measures the validation loss and keeps the weights if it is the lowest so far.

        A stop that is asked of any process meanwhile ends it without a result.
        """
        progress, stopped = self.progress, False

        def until_stopped() -> Iterator[Batch]:
            nonlocal stopped
            for number, batch in enumerate(in_order(self.data.val, self.data.order.unit_items)):
                stopped = number % self.runtime.processes == 0 and self.runtime.any(stop.requested)
                if stopped:
                    return
                yield batch

        averaged = self.average.in_place() if self.average is not None else contextlib.nullcontext()
        with self.clock.timing("evaluation"), averaged:
            nats, targets = summed_loss(self.model, until_stopped(), runtime=self.runtime)
        self.clock.evaluated += len(self.data.val) * self.model.config.context_tokens
        if stopped:
            return
        loss = nats / max(1, targets)
        if not math.isfinite(loss):
            raise NumericsError(
                f"the validation loss after step {progress.step} is {loss}; lower the learning rates"
            )
        progress.curve[-1] = dataclasses.replace(progress.curve[-1], val_loss=loss)
        if progress.best_val_loss is None or loss < progress.best_val_loss:
            progress.best_step, progress.best_val_loss = progress.step, loss
            measured = self.model.state_dict() if self.average is None else self.average.weights
            self.best = {name: tensor.clone() for name, tensor in collected(measured).items()}

    def _save(self) -> None:
        """Writes a checkpoint of this step; the other processes wait for the first one to do it."""
        average = {} if self.average is None else self.average.weights
        with self.clock.timing("checkpoint"):
            first = self.runtime.rank == 0
            state = (self.model.state_dict(), self.optimizers.tensors(), average)
            weights, moments, average = (collected(tensors, keep=first) for tensors in state)
            snapshot = Snapshot(self.progress, weights, moments, average, self.best)
            if first:
                save_checkpoint(self.task.folder, snapshot, run=self.task.run)
            self.runtime.wait()
        self._saved_step = self.progress.step

    def _continue_from(self, found: Snapshot) -> None:
        self.progress, self.best = found.progress, found.best
        fill(self.model, found.weights)
        self.optimizers.restore(found.moments)
        if self.average is not None:
            self.average.restore(found.average)
        self._saved_step = found.progress.step
        if self.runtime.rank == 0:
            _log.info(
                "%s: resumed after step %d of %d", self.task.label, found.progress.step, self.params.steps
            )
