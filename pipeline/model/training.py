"""The training loop: one generator for pretraining and fine-tuning.

It yields a record after every step and knows nothing of evaluation, checkpoints or logs: whoever iterates
decides those at the step's edge. Each step's batch and learning rate are pure functions of its number, so a
loop that is started at step n continues one that ended there, bit by bit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from pipeline.errors import NumericsError
from pipeline.model.batches import Batch
from pipeline.model.checkpoint import Progress
from pipeline.model.losses import NONE, Regularization, summed_objective
from pipeline.model.optimization import Optimizers, clip
from pipeline.model.runtime import Runtime
from pipeline.model.schedules import learning_rate_share
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
    batches: Callable[[int], list[Batch]],
    *,
    start: Progress,
    params: TrainingParams,
    runtime: Runtime,
) -> Iterator[StepRecord]:
    """Updates the model from the step after `start` to the last, yielding after each update.

    `batches(step)` are the micro-batches of the step's global batch. Raises NumericsError when more than
    three steps in a row had to be skipped.
    """
    optimization = params.optimization
    regularization = Regularization(optimization.label_smoothing, optimization.z_loss)
    skipped_in_a_row = start.skipped_in_a_row
    for step in range(start.step, params.steps):
        micro_batches = batches(step)
        targets = max(1, sum(batch.num_targets for batch in micro_batches))
        loss = accumulate_gradients(
            model, micro_batches, targets=targets, runtime=runtime, regularization=regularization
        )
        gradients = (weight.grad for weight in model.parameters() if weight.grad is not None)
        norm = clip(gradients, max_norm=optimization.max_gradient_norm)
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
        yield StepRecord(step + 1, targets, loss, norm, share, skipped)


def accumulate_gradients(
    model: Transformer,
    micro_batches: list[Batch],
    *,
    targets: int,
    runtime: Runtime,
    regularization: Regularization = NONE,
) -> float:
    """Leaves in every `.grad` the gradient of the mean objective over `targets`; returns the mean loss in it.

    Process r computes micro-batches r, r + processes, ...; everyone adds the gradients of all in the order
    of the micro-batches, so the sums do not depend on how many processes share the work.
    """
    weights = list(model.parameters())
    totals: list[Tensor] = []
    loss = 0.0
    for first in range(0, len(micro_batches), runtime.processes):
        mine = first + runtime.rank
        if mine < len(micro_batches):
            pieces = _gradients(model, micro_batches[mine], regularization, targets=targets, runtime=runtime)
        else:
            pieces = [weights[0].new_zeros(()), *(torch.zeros_like(weight) for weight in weights)]
        for value, *gradients in _of_all_processes(pieces, runtime)[: len(micro_batches) - first]:
            loss += float(value)
            for total, gradient in zip(totals, gradients, strict=bool(totals)):
                total.add_(gradient)
            totals = totals or gradients
    for weight, total in zip(weights, totals, strict=True):
        weight.grad = total
    return loss


@torch.no_grad()
def summed_loss(model: Transformer, batches: Iterable[Batch], *, runtime: Runtime) -> tuple[float, int]:
    """The summed loss in nats over all batches, and their number of targets.

    The processes share the batches; the sum is exact (`math.fsum`), so it depends neither on them nor on
    their number.
    """
    sums: list[float] = []
    targets = 0
    for number, batch in enumerate(batches):
        targets += batch.num_targets
        mine = number % runtime.processes == runtime.rank
        sums.append(float(_summed_objective(model, batch, NONE, runtime)[1]) if mine else 0.0)
    shares = runtime.gathered(torch.tensor(sums, dtype=torch.float32, device=runtime.device))
    return math.fsum(shares.double().cpu().flatten().tolist()), targets


def _summed_objective(
    model: Transformer, batch: Batch, regularization: Regularization, runtime: Runtime
) -> tuple[Tensor, Tensor]:
    batch = batch.to(runtime.device)
    with runtime.autocast():
        hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT)
        return summed_objective(hidden_BTD, model.head_VD, batch.targets_BT, regularization=regularization)


def _gradients(
    model: Transformer, batch: Batch, regularization: Regularization, *, targets: int, runtime: Runtime
) -> list[Tensor]:
    """The batch's share of the mean loss, then the objective's gradient for every parameter."""
    model.zero_grad(set_to_none=True)
    objective, loss = _summed_objective(model, batch, regularization, runtime)
    (objective / targets).backward()  # type: ignore[no-untyped-call]
    gradients = [
        torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in model.parameters()
    ]
    return [loss.detach() / targets, *gradients]


def _of_all_processes(pieces: list[Tensor], runtime: Runtime) -> list[list[Tensor]]:
    """The pieces of every process, by rank."""
    if runtime.processes == 1:
        return [pieces]
    flat_N = torch.cat([piece.reshape(-1) for piece in pieces])
    sizes = [piece.numel() for piece in pieces]
    return [
        [part.view(piece.shape) for part, piece in zip(row_N.split(sizes), pieces, strict=True)]
        for row_N in runtime.gathered(flat_N)
    ]
