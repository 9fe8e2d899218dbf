"""The loop: it learns, and skips what is not finite."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch

from pipeline.errors import NumericsError
from pipeline.model.batches import BatchOrder, in_order
from pipeline.model.checkpoint import Progress
from pipeline.model.gates import shaken
from pipeline.model.gradients import Gradients, StepGradient, gradients_of
from pipeline.model.optimization import build_optimizers
from pipeline.model.training import StepRecord, summed_loss, train
from pipeline.model.transformer import Transformer
from tests.model.trainings import PARAMS, blocks, new_model, runtime

TRAIN = blocks(documents=40, seed=1)


def gradients(model: Transformer) -> Gradients:
    order = BatchOrder(len(TRAIN), 4, unit_items=2, micro_batch_items=4, seed=1)
    return gradients_of(model, TRAIN, order, runtime=runtime())


def trained(
    model: Transformer, *, steps: int, poison: Callable[[int], bool] = lambda step: False
) -> list[StepRecord]:
    """Every record of a short training; at the steps that `poison` names, one gradient is not a number."""
    now = 0
    weight = model.lm_head.weight
    handle = weight.register_hook(lambda gradient: gradient * (math.nan if poison(now) else 1.0))
    records = []
    params = dataclasses.replace(PARAMS, steps=steps)
    optimizers = build_optimizers(model, params.optimization, dtype=torch.float32)
    for record in train(model, optimizers, gradients(model), start=Progress(), params=params):
        records.append(record)
        now = record.step
    handle.remove()
    return records


def test_a_short_training_learns_what_follows_what() -> None:
    records = trained(new_model(), steps=120)
    assert records[0].loss == pytest.approx(math.log(40), rel=0.01)
    assert records[-1].loss < 1.2
    assert [record.step for record in records] == list(range(1, 121))


def test_the_same_training_twice_gives_the_same_bits() -> None:
    first, second = new_model(), new_model()
    assert trained(first, steps=5) == trained(second, steps=5)
    assert all(torch.equal(*pair) for pair in zip(first.parameters(), second.parameters(), strict=True))


def test_a_step_that_is_not_finite_changes_nothing_and_is_reported() -> None:
    clean, poisoned = new_model(), new_model()
    undisturbed = trained(clean, steps=4)
    records = trained(poisoned, steps=4, poison=lambda step: step == 3)
    assert [record.skipped for record in records] == [False, False, False, True]
    assert records[:3] == undisturbed[:3]
    assert math.isnan(records[3].gradient_norm)
    assert all(bool(torch.isfinite(weight).all()) for weight in poisoned.parameters())


def test_a_skipped_step_leaves_weights_and_moments_as_they_were() -> None:
    model = new_model()
    optimizers = build_optimizers(model, PARAMS.optimization, dtype=torch.float32)
    poisoned = False
    model.lm_head.weight.register_hook(lambda gradient: gradient * (math.inf if poisoned else 1.0))
    steps = train(model, optimizers, gradients(model), start=Progress(), params=PARAMS)
    next(steps)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    moments = {name: value.clone() for name, value in optimizers.tensors().items()}
    poisoned = True
    assert next(steps).skipped
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(value, moments[name]) for name, value in optimizers.tensors().items())
    poisoned = False
    assert not next(steps).skipped


class Reporting:
    """Gradients whose loss is told to be another one."""

    def __init__(self, own: Gradients, *, loss: float) -> None:
        self.own, self.loss = own, loss

    def __call__(self, step: int) -> StepGradient:
        return dataclasses.replace(self.own(step), loss=self.loss)


@pytest.mark.parametrize("loss", [math.inf, -math.inf, math.nan])
def test_a_loss_that_is_not_finite_is_enough_to_skip_a_step(loss: float) -> None:
    model = shaken(new_model())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizers = build_optimizers(model, PARAMS.optimization, dtype=torch.float32)
    told = Reporting(gradients(model), loss=loss)
    record = next(train(model, optimizers, told, start=Progress(), params=PARAMS))
    assert record.skipped
    assert math.isfinite(record.gradient_norm)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not optimizers.tensors()


@pytest.mark.parametrize(("factor", "skipped"), [(1e6, False), (0.0, False), (1e30, True)])
def test_a_spike_is_clipped_and_a_gradient_of_zero_harmless(factor: float, skipped: bool) -> None:
    model = shaken(new_model())
    weight = model.lm_head.weight
    weight.register_hook(lambda gradient: gradient * factor)
    before = weight.detach().clone()
    optimizers = build_optimizers(model, PARAMS.optimization, dtype=torch.float32)
    record = next(train(model, optimizers, gradients(model), start=Progress(), params=PARAMS))
    assert record.skipped == skipped
    peak = PARAMS.optimization.adamw_learning_rate
    assert float((weight.detach() - before).abs().max()) <= 1.01 * peak * record.learning_rate_share
    assert all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())


def test_more_than_three_such_steps_in_a_row_end_the_training() -> None:
    assert [
        record.skipped for record in trained(new_model(), steps=9, poison=lambda step: step % 4 != 3)
    ] == [
        *([True] * 3 + [False]) * 2,
        True,
    ]
    with pytest.raises(NumericsError, match=r"step 6: loss .* not finite 4 steps in a row; lower"):
        trained(new_model(), steps=9, poison=lambda step: step >= 2)


def test_the_validation_loss_does_not_depend_on_the_batch_size() -> None:
    model = shaken(new_model())
    found = {size: summed_loss(model, in_order(TRAIN, size), runtime=runtime()) for size in (1, 3, 100)}
    assert len({targets for _, targets in found.values()}) == 1
    assert found[1][0] == pytest.approx(found[3][0], rel=1e-6) == pytest.approx(found[100][0], rel=1e-6)
