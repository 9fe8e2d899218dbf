"""Gradients: one sum for any split of a batch, the same bits in canonical mode, and memory that runs out."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.errors import ParamsError, ResourceError
from pipeline.model.batches import BatchOrder
from pipeline.model.gates import shaken
from pipeline.model.gradients import Gradients, gradients_of
from pipeline.model.transformer import Transformer
from tests.model.trainings import CONFIG, PARAMS, blocks, new_model, runtime

TRAIN = blocks(documents=40, seed=1)


def way(kind: str, model: Transformer, *, unit: int = 2, micro: int = 4, processes: int = 1) -> Gradients:
    order = BatchOrder(len(TRAIN), 4, unit_items=unit, micro_batch_items=micro, seed=1)
    here = runtime(dataclasses.replace(PARAMS.runtime, gradients=kind))  # type: ignore[arg-type]
    return gradients_of(model, TRAIN, order, runtime=dataclasses.replace(here, processes=processes))


def of_first_step(model: Transformer, kind: str, **sizes: int) -> tuple[float, list[Tensor]]:
    found = way(kind, model, **sizes)(0)
    return found.loss, [weight.grad for weight in model.parameters() if weight.grad is not None]


def refusing(refuses: Callable[[], bool], *, rows: int = 0) -> Callable[..., None]:
    """A hook for a device that, while it refuses, cannot hold a pass of more than so many rows."""

    def refuse(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if torch.is_grad_enabled() and refuses() and inputs[0].shape[0] > rows:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    return refuse


def needing_memory(model: Transformer, *, rows: int) -> Transformer:
    """The model on a device that cannot hold a pass of more than so many rows."""
    model.model.register_forward_pre_hook(refusing(lambda: True, rows=rows))
    return model


@pytest.mark.parametrize("kind", ["canonical", "fast"])
def test_any_split_of_a_batch_gives_the_same_loss_and_gradient(kind: str) -> None:
    model = shaken(new_model())
    whole_loss, whole = of_first_step(model, kind, unit=4, micro=4)
    for size in (1, 2):
        loss, parts = of_first_step(model, kind, unit=size, micro=size)
        assert loss == pytest.approx(whole_loss, rel=1e-5)
        for part, wanted in zip(parts, whole, strict=True):
            torch.testing.assert_close(part, wanted, rtol=1e-4, atol=1e-5)


def test_canonical_gradients_have_the_same_bits_for_any_micro_batch() -> None:
    model = shaken(new_model())
    loss, wanted = of_first_step(model, "canonical", micro=4)
    for micro in (1, 2):
        again, found = of_first_step(model, "canonical", micro=micro)
        assert again == loss
        assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


def test_a_number_of_processes_that_cannot_share_a_batch_is_refused() -> None:
    with pytest.raises(ParamsError, match="3 processes cannot share a batch of 4 evenly"):
        way("canonical", new_model(), processes=3)


def test_micro_batches_halve_until_they_fit_and_the_sum_stays(caplog: pytest.LogCaptureFixture) -> None:
    model = shaken(new_model())
    loss, wanted = of_first_step(model, "fast", micro=1)
    narrow = way("fast", needing_memory(model, rows=1), micro=4)
    with caplog.at_level(logging.WARNING):
        assert narrow(0).loss == loss
    assert [record.message for record in caplog.records] == [
        "out of memory: from here on micro-batches of 2 items",
        "out of memory: from here on micro-batches of 1 items",
    ]
    assert all(
        torch.equal(weight.grad, gradient)
        for weight, gradient in zip(model.parameters(), wanted, strict=True)
        if weight.grad is not None
    )
    caplog.clear()
    narrow(1)
    assert not caplog.records, "what was learned about the memory is kept"


def test_memory_for_not_even_one_item_is_one_error() -> None:
    with pytest.raises(ResourceError, match=r"micro-batches of one item; lower pack\.block_tokens"):
        of_first_step(needing_memory(new_model(), rows=0), "fast")


def test_a_unit_that_does_not_fit_is_computed_with_less_memory_and_the_same_bits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = shaken(new_model())
    loss, wanted = of_first_step(model, "canonical")
    model.model.register_forward_pre_hook(refusing(lambda: not model.model.gradient_checkpointing))
    with caplog.at_level(logging.WARNING):
        again, found = of_first_step(model, "canonical")
    assert "from here on each block's forward pass is repeated" in caplog.text
    assert again == loss
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


def test_a_unit_that_does_not_fit_then_either_names_what_to_lower() -> None:
    with pytest.raises(ResourceError, match="out of memory; lower unit_blocks or unit_rows"):
        of_first_step(needing_memory(new_model(), rows=1), "canonical")


@pytest.mark.parametrize("kind", ["canonical", "fast"])
def test_what_is_dropped_does_not_depend_on_how_a_batch_is_split(kind: str) -> None:
    model = shaken(new_model(dataclasses.replace(CONFIG, dropout=0.3)))
    losses = [of_first_step(model, kind, unit=size, micro=size)[0] for size in (4, 2, 1)]
    assert losses[1:] == [pytest.approx(losses[0], rel=1e-5)] * 2
    assert losses[0] != pytest.approx(of_first_step(shaken(new_model()), kind)[0], rel=1e-3)


def test_another_error_is_not_taken_for_memory() -> None:
    model = new_model()
    model.model.register_forward_pre_hook(lambda module, inputs: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        of_first_step(model, "fast")
