"""The training loop: one generator for pretraining and fine-tuning.

It yields a record after every step and knows nothing of evaluation, checkpoints or logs: whoever iterates
decides those at the step's edge. Each step's batch and learning rate are pure functions of its number, so a
loop that is started at step n continues one that ended there, bit by bit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Protocol

import torch

from pipeline.errors import NumericsError
from pipeline.model.batches import Batch
from pipeline.model.checkpoint import Progress
from pipeline.model.gradients import Gradients, summed_objectives
from pipeline.model.losses import NONE
from pipeline.model.optimization import Optimizers, clip
from pipeline.model.runtime import Runtime
from pipeline.model.schedules import learning_rate_share
from pipeline.model.sharding import release
from pipeline.model.transformer import Transformer
from pipeline.settings.training import OptimizationParams

MAX_SKIPPED_IN_A_ROW = 3


class TrainingParams(Protocol):
    """What a training needs of its stage's params."""

    @property
    def optimization(self) -> OptimizationParams: ...
    @property
    def steps(self) -> int: ...


@dataclasses.dataclass(frozen=True, slots=True)
class StepRecord:
    """One finished step. `skipped`: loss or gradient was not finite, so weights and moments stayed."""

    step: int  # 1 is the first
    targets: int  # of the global batch
    loss: float  # cross-entropy alone, nats per target
    gradient_norm: float  # before clipping
    learning_rate_share: float
    skipped: bool


def train(
    model: Transformer,
    optimizers: Optimizers,
    gradients: Gradients,
    *,
    start: Progress,
    params: TrainingParams,
) -> Iterator[StepRecord]:
    """Updates the model from the step after `start` to the last, yielding after each update.

    Raises NumericsError when more than three steps in a row had to be skipped.
    """
    optimization = params.optimization
    skipped_in_a_row, weights = start.skipped_in_a_row, list(model.parameters())
    for step in range(start.step, params.steps):
        found = gradients(step)
        loss = found.loss
        listed = (weight.grad for weight in weights if weight.grad is not None)
        norm = clip(listed, max_norm=optimization.max_gradient_norm)
        share = learning_rate_share(step, steps=params.steps, params=optimization.schedule)
        skipped = not (math.isfinite(loss) and math.isfinite(norm))
        if skipped:
            model.zero_grad(set_to_none=True)
        else:
            optimizers.step(share)
        skipped_in_a_row = skipped_in_a_row + 1 if skipped else 0
        if skipped_in_a_row > MAX_SKIPPED_IN_A_ROW:
            raise NumericsError(
                f"step {step + 1}: loss {loss}, gradient norm {norm}; not finite {skipped_in_a_row} steps "
                "in a row; lower the learning rates"
            )
        yield StepRecord(step + 1, found.targets, loss, norm, share, skipped)


@torch.no_grad()
def summed_loss(model: Transformer, batches: Iterable[Batch], *, runtime: Runtime) -> tuple[float, int]:
    """The summed loss in nats over all batches, and their number of targets.

    The processes share the batches; the sum is exact (`math.fsum`), so it depends neither on them nor on
    their number.
    """
    sums: list[float] = []
    targets, idle = 0, False
    for number, batch in enumerate(batches):
        targets += batch.num_targets
        turn = number % runtime.processes
        mine = turn == runtime.rank
        sums.append(float(summed_objectives(model, batch, NONE, runtime)[1]) if mine else 0.0)
        idle = turn < runtime.rank
    if runtime.sharded:
        if idle:  # others pass through the model once more, and only all together can
            summed_objectives(model, batch, NONE, runtime)
        release(model)
    shares = runtime.gathered(torch.tensor(sums, dtype=torch.float32, device=runtime.device))
    return math.fsum(shares.double().cpu().flatten().tolist()), targets
