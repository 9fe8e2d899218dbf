"""A training reports the steps at which it jumped, and nothing of what is only noise."""

from __future__ import annotations

import math

import pytest

from pipeline.model.checkpoint import CurvePoint
from pipeline.model.spikes import FEWEST_STEPS, spike_steps


def curve(losses: list[float | None], *, norms: list[float] | None = None) -> list[CurvePoint]:
    """One point a step; a step without loss was skipped."""
    norms = norms or [1.0] * len(losses)
    return [
        CurvePoint(step, 100 * step, loss, 0.01, None if loss is None else norm)
        for step, (loss, norm) in enumerate(zip(losses, norms, strict=True), start=1)
    ]


FALLING = [8.3 * math.exp(-step / 60) + 0.2 * math.sin(7 * step) for step in range(100)]


def test_a_noisy_falling_loss_has_no_spike() -> None:
    assert spike_steps(curve(list(FALLING))) == ()


@pytest.mark.parametrize("height", [1e6, 12.0])
def test_a_loss_that_jumps_for_one_step_is_named(height: float) -> None:
    assert spike_steps(curve([*FALLING[:40], FALLING[40] * height, *FALLING[41:]])) == (41,)


def test_a_gradient_more_than_ten_times_the_usual_is_named_though_the_loss_is_calm() -> None:
    norms = [1.0] * 100
    norms[50], norms[60] = 9.9, 10.1
    assert spike_steps(curve(list(FALLING), norms=norms)) == (61,)


@pytest.mark.parametrize("loss", [0.0, 4.2])
@pytest.mark.parametrize("norm", [0.0, 0.5])
def test_a_loss_of_zero_and_one_that_never_moves_are_no_spikes(loss: float, norm: float) -> None:
    assert spike_steps(curve([loss] * 80, norms=[norm] * 80)) == ()


def test_gradients_that_come_back_from_zero_are_no_spike() -> None:
    assert spike_steps(curve([3.0] * 40, norms=[0.0] * 39 + [0.1])) == ()


def test_after_a_constant_loss_a_nat_is_the_margin() -> None:
    assert spike_steps(curve([3.0] * 40 + [4.0])) == ()
    assert spike_steps(curve([3.0] * 40 + [4.1])) == (41,)


def test_in_a_noisy_training_the_margin_grows_with_the_noise() -> None:
    noisy = [3.0 + (0.5 if step % 2 else -0.5) for step in range(40)]
    assert spike_steps(curve([*noisy, 6.9])) == ()
    assert spike_steps(curve([*noisy, 7.2])) == (41,)


def test_skipped_steps_are_neither_spikes_nor_a_measure() -> None:
    assert spike_steps(curve([3.0] * 20 + [None] * 3 + [3.0] * 20 + [9.0])) == (44,)


def test_a_loss_that_stays_high_is_named_until_it_is_the_usual_one() -> None:
    found = spike_steps(curve([3.0] * 40 + [6.0] * 40))
    assert found == tuple(range(41, 57))


def test_too_few_steps_before_are_no_measure() -> None:
    assert spike_steps(curve([3.0] * (FEWEST_STEPS - 1) + [9.0])) == ()
    assert spike_steps(curve([3.0] * FEWEST_STEPS + [9.0])) == (FEWEST_STEPS + 1,)
