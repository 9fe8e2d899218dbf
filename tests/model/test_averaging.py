"""The average of the weights: what it holds, that it comes and goes without a trace, and that it resumes."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from pipeline.model.averaging import WeightAverage, effective_decay


def linear(value: float) -> nn.Linear:
    layer = nn.Linear(2, 3, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def moved(average: WeightAverage, value: float, *, updates: int) -> None:
    nn.init.constant_(average.model.weight, value)  # type: ignore[arg-type]
    average.update(updates=updates)


def test_early_updates_forget_the_start_and_later_ones_keep_the_decay() -> None:
    assert effective_decay(0.9, updates=1) == 2 / 11
    assert effective_decay(0.9, updates=1000) == 0.9
    average = WeightAverage(linear(0.0), decay=0.9)
    moved(average, 1.0, updates=1)
    assert average.weights["weight"].flatten().tolist() == pytest.approx([9 / 11] * 6)
    moved(average, 2.0, updates=1000)
    assert average.weights["weight"].flatten().tolist() == pytest.approx([0.9 * 9 / 11 + 0.1 * 2.0] * 6)


def test_a_decay_of_0_is_the_weights_themselves() -> None:
    average = WeightAverage(linear(0.5), decay=0.0)
    moved(average, 0.25, updates=7)
    assert torch.equal(average.weights["weight"], average.model.state_dict()["weight"])


def test_the_model_holds_the_average_inside_and_its_own_weights_after_even_an_error() -> None:
    model = linear(1 / 3)
    average = WeightAverage(model, decay=0.5)
    moved(average, 1 / 7, updates=100)
    own = model.weight.detach().clone()
    with contextlib.suppress(KeyError), average.in_place():
        inside = model.weight.detach().clone()
        raise KeyError
    assert torch.equal(inside, average.weights["weight"])
    assert torch.equal(model.weight.detach(), own)
    assert not torch.equal(average.weights["weight"], own)


def test_a_restored_average_goes_on_bit_by_bit() -> None:
    one, other = (WeightAverage(linear(1 / 3), decay=0.99) for _ in range(2))
    for updates in range(1, 6):
        moved(one, updates / 7, updates=updates)
    other.restore({name: value.clone() for name, value in one.weights.items()})
    for average in (one, other):
        moved(average, 0.1, updates=6)
    assert torch.equal(one.weights["weight"], other.weights["weight"])
