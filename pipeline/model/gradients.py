"""The gradient of a step's global batch, whoever shares the work.

*Canonical*: the batch is cut into units of a fixed number of items. Each unit is one forward and backward
pass, and everyone adds the units' gradients in the order of the units. So neither the number of processes nor
the size of a micro-batch changes a bit of the sum, on one kind of processor.

*Fast*: each process takes an equal part of the batch through micro-batches as large as its memory allows, and
one all-reduce adds the parts. The sum is the same up to its rounding. With sharded weights (see sharding.py)
the sum happens in the backward pass itself.

Memory that runs out in the middle of a step ends the training, with a ResourceError, only when nothing is
left to try. Canonical gradients are computed again with each block's forward pass repeated in the backward
one (on a CPU that keeps the bits), fast ones in smaller micro-batches. Sharded, it ends at once: the other
processes are in the middle of an exchange that one has left.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from pipeline.errors import ParamsError, ResourceError, is_out_of_memory
from pipeline.model.batches import Batch, BatchOrder, Items
from pipeline.model.dropout import row_keys
from pipeline.model.losses import NONE, Regularization, summed_objective
from pipeline.model.runtime import Runtime
from pipeline.model.transformer import Transformer

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class StepGradient:
    """What a step's batch came to: the mean cross-entropy in nats, and over how many targets."""

    loss: float
    targets: int


class Gradients(Protocol):
    """Leaves in every `.grad` the gradient of the mean objective over the step's global batch."""

    def __call__(self, step: int) -> StepGradient: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Passes:
    """How a step's global batch is made into forward and backward passes."""

    model: Transformer
    weights: tuple[nn.Parameter, ...]  # all of the model's, looked up once: small models feel every search
    items: Items
    order: BatchOrder
    regularization: Regularization
    runtime: Runtime

    def forget(self) -> None:
        """Drops all gradients."""
        for weight in self.weights:
            weight.grad = None

    def batches(self, step: int, places: Sequence[range]) -> list[Batch]:
        """The items at these places of the global batch, a batch for each range."""
        numbers = self.order.numbers(step)
        return [self.items.batch(numbers[part.start : part.stop]) for part in places]

    def summed(
        self, step: int, places: Sequence[range], batches: Sequence[Batch], *, targets: int
    ) -> list[Tensor] | None:
        """The batches' share of the mean loss over `targets`, then the objective's gradient for every
        parameter, in its shape, added up in the batches' order; None when memory ran out.
        """
        totals: list[Tensor] = []
        try:
            for part, batch in zip(places, batches, strict=True):
                pieces = self._of(step, part, batch, targets=targets)
                for total, piece in zip(totals, pieces, strict=bool(totals)):
                    total.add_(piece)
                totals = totals or pieces
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.forget()
            return None
        return totals

    def _of(self, step: int, places: range, batch: Batch, *, targets: int) -> list[Tensor]:
        """One forward and backward pass. What dropout drops follows from the rows' places alone."""
        model, device = self.model, self.runtime.device
        drops = model.config.dropout > 0
        keys_B = row_keys(self.order.seed, step, places, device=device) if drops else None
        self.forget()
        objective, loss = summed_objectives(model, batch, self.regularization, self.runtime, keys_B)
        (objective / targets).backward()  # type: ignore[no-untyped-call]
        gradients = [
            torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in self.weights
        ]
        return [loss.detach() / targets, *gradients]


def gradients_of(
    model: Transformer,
    items: Items,
    order: BatchOrder,
    *,
    runtime: Runtime,
    regularization: Regularization = NONE,
) -> Gradients:
    """The way that the runtime's params name; ParamsError when the processes cannot share a batch evenly."""
    if order.batch_items % runtime.processes:
        raise ParamsError(
            f"{runtime.processes} processes cannot share a batch of {order.batch_items} evenly; let "
            "batch_blocks (or batch_rows) be a multiple of the processes, or set GRISTMILL_MODEL_PROCESSES"
        )
    passes = Passes(model, tuple(model.parameters()), items, order, regularization, runtime)
    if runtime.sharded:
        return ShardedGradients(passes)
    return CanonicalGradients(passes) if runtime.gradients == "canonical" else FastGradients(passes)


class CanonicalGradients:
    """Sums over units in their order: the same bits for any number of processes."""

    def __init__(self, passes: Passes) -> None:
        self.passes = passes

    def __call__(self, step: int) -> StepGradient:
        """Process r computes units r, r + processes, ...; everyone adds all of them."""
        while (found := self._tried(step)) is None:
            self._save_memory()
        return found

    def _tried(self, step: int) -> StepGradient | None:
        """The step's gradient; None when memory ran out in any process."""
        passes, runtime, order = self.passes, self.passes.runtime, self.passes.order
        units = parts(range(order.batch_items), order.unit_items)
        mine = units[runtime.rank :: runtime.processes]
        batches = passes.batches(step, mine)
        targets = max(1, runtime.summed_count(sum(batch.num_targets for batch in batches)))
        weights = passes.weights
        totals: list[Tensor] = []
        loss = 0.0
        for turn, first in enumerate(range(0, len(units), runtime.processes)):
            now = slice(turn, turn + 1)
            pieces = passes.summed(step, mine[now], batches[now], targets=targets)
            if runtime.any(pieces is None) or pieces is None:
                return None
            pieces = pieces or [weights[0].new_zeros(()), *(torch.zeros_like(weight) for weight in weights)]
            for value, *gradients in _of_all_processes(pieces, runtime)[: len(units) - first]:
                loss += float(value)
                for total, gradient in zip(totals, gradients, strict=bool(totals)):
                    total.add_(gradient)
                totals = totals or gradients
        for weight, total in zip(weights, totals, strict=True):
            weight.grad = total
        return StepGradient(loss, targets)

    def _save_memory(self) -> None:
        """Repeats forward passes from here on; ResourceError when that is done already."""
        decoder = self.passes.model.model
        if decoder.gradient_checkpointing:
            raise ResourceError(
                "out of memory; lower unit_blocks or unit_rows, else the model's width or num_layers"
            )
        decoder.gradient_checkpointing = True
        _make_room(self.passes.runtime, "each block's forward pass is repeated in the backward one")


class FastGradients:
    """Sums over this process's part in micro-batches, then one all-reduce."""

    def __init__(self, passes: Passes) -> None:
        self.passes = passes
        self._micro_batch_items = passes.order.micro_batch_items

    def __call__(self, step: int) -> StepGradient:
        """Process r computes the r-th part of the batch; ResourceError when not even one item fits."""
        passes, runtime = self.passes, self.passes.runtime
        mine = _share(passes)
        while True:
            places = parts(mine, self._micro_batch_items)
            batches = passes.batches(step, places)
            targets = max(1, runtime.summed_count(sum(batch.num_targets for batch in batches)))
            pieces = passes.summed(step, places, batches, targets=targets)
            if not runtime.any(pieces is None) and pieces is not None:
                break
            self._shrink()
        loss, *gradients = runtime.summed(pieces)
        for weight, gradient in zip(passes.weights, gradients, strict=True):
            weight.grad = gradient
        return StepGradient(float(loss), targets)

    def _shrink(self) -> None:
        """Halves the micro-batch from here on: twice as many passes, the same sum."""
        if self._micro_batch_items == 1:
            raise ResourceError(
                "out of memory with micro-batches of one item; lower pack.block_tokens or the model's width"
            )
        self._micro_batch_items = (self._micro_batch_items + 1) // 2
        _make_room(self.passes.runtime, f"micro-batches of {self._micro_batch_items} items")


class ShardedGradients:
    """Sums over this process's part in micro-batches; it is left with its part of every gradient."""

    def __init__(self, passes: Passes) -> None:
        self.passes = passes

    def __call__(self, step: int) -> StepGradient:
        """Process r computes the r-th part of the batch; ResourceError when memory runs out."""
        passes, runtime = self.passes, self.passes.runtime
        places = parts(_share(passes), passes.order.micro_batch_items)
        batches = passes.batches(step, places)
        targets = max(1, runtime.summed_count(sum(batch.num_targets for batch in batches)))
        with runtime.answered():
            pieces = passes.summed(step, places, batches, targets=targets)
        if pieces is None:
            remedy = "out of memory; lower micro_batch_blocks or micro_batch_rows, or train on more GPUs"
            _log.error(remedy)  # the other processes fail too, and may be heard first
            raise ResourceError(remedy)
        loss, *gradients = pieces
        for weight, gradient in zip(passes.weights, gradients, strict=True):
            weight.grad = gradient
        return StepGradient(float(runtime.summed([loss])[0]), targets)


def _share(passes: Passes) -> range:
    """This process's part of a step's batch: as many places as every other's."""
    share, rank = passes.order.batch_items // passes.runtime.processes, passes.runtime.rank
    return range(rank * share, (rank + 1) * share)


def parts(places: range, size: int) -> list[range]:
    """The places in runs of `size`; the last may be shorter."""
    return [range(start, min(start + size, places.stop)) for start in range(places.start, places.stop, size)]


def summed_objectives(
    model: Transformer,
    batch: Batch,
    regularization: Regularization,
    runtime: Runtime,
    dropout_keys_B: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The summed objective over the batch's targets and the cross-entropy in it, in nats (see losses.py)."""
    batch = batch.to(runtime.device)
    with runtime.autocast():
        hidden_BTD = model.hidden(batch.tokens_BT, batch.documents_BT, dropout_keys_B=dropout_keys_B)
        return summed_objective(hidden_BTD, model.head_VD, batch.targets_BT, regularization=regularization)


def _make_room(runtime: Runtime, how: str) -> None:
    if runtime.device.type == "cuda":
        torch.cuda.empty_cache()
    if runtime.rank == 0:
        _log.warning("out of memory: from here on %s", how)


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
