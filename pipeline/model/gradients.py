"""The gradient of a step's global batch, whoever shares the work.

*Canonical*: the batch is cut into units of a fixed number of items. Each unit is one forward and backward
pass, and everyone adds the units' gradients in the order of the units. So neither the number of processes nor
the size of a micro-batch changes a bit of the sum, on one kind of processor.

*Fast*: each process takes an equal part of the batch through micro-batches as large as its memory allows, and
one all-reduce adds the parts. The sum is the same up to its rounding.

Memory that runs out in the middle of a step does not end the training: it is done again in smaller
micro-batches (fast), which is the same sum up to its rounding.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from pipeline.errors import ParamsError, ResourceError, is_out_of_memory
from pipeline.model.batches import Batch, BatchOrder, Items
from pipeline.model.losses import summed_cross_entropy
from pipeline.model.runtime import Runtime
from pipeline.model.transformer import Transformer

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class StepGradient:
    """What a step's gradient, left in every `.grad`, is that of: the mean loss in nats over the targets."""

    loss: float
    targets: int


class Gradients(Protocol):
    """Leaves in every `.grad` the gradient of the mean loss over the step's global batch."""

    def __call__(self, step: int) -> StepGradient: ...


def gradients_of(model: Transformer, items: Items, order: BatchOrder, *, runtime: Runtime) -> Gradients:
    """The way that the runtime's params name; ParamsError when the processes cannot share a batch evenly."""
    if order.batch_items % runtime.processes:
        raise ParamsError(
            f"{runtime.processes} processes cannot share a batch of {order.batch_items} evenly; let "
            "batch_blocks (or batch_rows) be a multiple of the processes, or set GRISTMILL_MODEL_PROCESSES"
        )
    way = CanonicalGradients if runtime.gradients == "canonical" else FastGradients
    return way(model, items, order, runtime)


@dataclasses.dataclass(slots=True)
class CanonicalGradients:
    """Sums over units in their order: the same bits for any number of processes."""

    model: Transformer
    items: Items
    order: BatchOrder
    runtime: Runtime

    def __call__(self, step: int) -> StepGradient:
        """Process r computes units r, r + processes, ...; everyone adds all of them."""
        runtime, units = self.runtime, self.order.units(step)
        mine = [self.items.batch(unit) for unit in units[runtime.rank :: runtime.processes]]
        targets = max(1, runtime.summed_count(sum(batch.num_targets for batch in mine)))
        weights = list(self.model.parameters())
        totals: list[Tensor] = []
        loss = 0.0
        for turn, first in enumerate(range(0, len(units), runtime.processes)):
            if turn < len(mine):
                pieces = tried(self.model, mine[turn : turn + 1], targets=targets, runtime=runtime)
            else:
                pieces = [weights[0].new_zeros(()), *(torch.zeros_like(weight) for weight in weights)]
            if runtime.any(pieces is None) or pieces is None:
                raise ResourceError(
                    "out of memory; lower unit_blocks or unit_rows, else the model's width or num_layers"
                )
            for value, *gradients in _of_all_processes(pieces, runtime)[: len(units) - first]:
                loss += float(value)
                for total, gradient in zip(totals, gradients, strict=bool(totals)):
                    total.add_(gradient)
                totals = totals or gradients
        for weight, total in zip(weights, totals, strict=True):
            weight.grad = total
        return StepGradient(loss, targets)


@dataclasses.dataclass(slots=True)
class FastGradients:
    """Sums over this process's part in micro-batches, then one all-reduce."""

    model: Transformer
    items: Items
    order: BatchOrder
    runtime: Runtime
    _micro_batch_items: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self._micro_batch_items = self.order.micro_batch_items

    def __call__(self, step: int) -> StepGradient:
        """Process r computes the r-th part of the batch; ResourceError when not even one item fits."""
        numbers = self.order.numbers(step)
        share = len(numbers) // self.runtime.processes
        mine = numbers[self.runtime.rank * share : (self.runtime.rank + 1) * share]
        while True:
            batches = [self.items.batch(part) for part in parts(mine, self._micro_batch_items)]
            targets = max(1, self.runtime.summed_count(sum(batch.num_targets for batch in batches)))
            pieces = tried(self.model, batches, targets=targets, runtime=self.runtime)
            if not self.runtime.any(pieces is None) and pieces is not None:
                break
            self._shrink()
        loss, *gradients = self.runtime.summed(pieces)
        for weight, gradient in zip(self.model.parameters(), gradients, strict=True):
            weight.grad = gradient
        return StepGradient(float(loss), targets)

    def _shrink(self) -> None:
        """Halves the micro-batch from here on: twice as many passes, the same sum."""
        if self._micro_batch_items == 1:
            raise ResourceError(
                "out of memory with micro-batches of one item; lower pack.block_tokens or the model's width"
            )
        self._micro_batch_items = (self._micro_batch_items + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.runtime.rank == 0:
            _log.warning("out of memory: micro-batches of %d items from here on", self._micro_batch_items)


def parts(numbers: Sequence[int], size: int) -> list[Sequence[int]]:
    """The numbers in runs of `size`; the last may be shorter."""
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def tried(
    model: Transformer, batches: Sequence[Batch], *, targets: int, runtime: Runtime
) -> list[Tensor] | None:
    """The sum of `gradient_of` over the batches, in their order; None when memory ran out."""
    totals: list[Tensor] = []
    try:
        for batch in batches:
            pieces = gradient_of(model, batch, targets=targets, runtime=runtime)
            for total, piece in zip(totals, pieces, strict=bool(totals)):
                total.add_(piece)
            totals = totals or pieces
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        model.zero_grad(set_to_none=True)
        return None
    return totals


def gradient_of(model: Transformer, batch: Batch, *, targets: int, runtime: Runtime) -> list[Tensor]:
    """The batch's share of the mean loss over `targets`, then its gradient for every parameter."""
    model.zero_grad(set_to_none=True)
    loss = summed_loss_of(model, batch, runtime) / targets
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [
        torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in model.parameters()
    ]
    return [loss.detach(), *gradients]


def summed_loss_of(model: Transformer, batch: Batch, runtime: Runtime) -> Tensor:
    """The summed loss in nats over the batch's targets, in the runtime's precision."""
    batch = batch.to(runtime.device)
    with runtime.autocast():
        hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT)
        return summed_cross_entropy(hidden_BTD, model.head_VD, batch.targets_BT)


def _of_all_processes(pieces: list[Tensor], runtime: Runtime) -> list[list[Tensor]]:
    """The pieces of every process, by rank."""
    if runtime.processes == 1:
        return [pieces]
    flat_N = torch.cat([piece.reshape(-1) for piece in pieces])
    sizes = [piece.numel() for piece in pieces]
    return [
        [part.view(piece.shape) for part, piece in zip(row_N.split_with_sizes(sizes), pieces, strict=True)]
        for row_N in runtime.gathered(flat_N)
    ]
