"""Schedules: the learning rate at every step, for every kind."""

from __future__ import annotations

import dataclasses
import math
from typing import get_args

import pytest

from pipeline.model.schedules import CURVES, learning_rate_share
from pipeline.settings.training import ScheduleKind
from tests.model.trainings import SCHEDULE

KINDS = get_args(ScheduleKind)


def shares(kind: str, *, steps: int = 100, **changes: object) -> list[float]:
    params = dataclasses.replace(SCHEDULE, kind=kind, **changes)  # type: ignore[arg-type]
    return [learning_rate_share(step, steps=steps, params=params) for step in range(steps)]


@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd", "polynomial"])
def test_rates_rise_to_the_peak_and_fall_to_the_final_share(kind: str) -> None:
    found = shares(kind, warmup_share=0.1, final_share=0.05)
    assert found[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert max(found) == 1.0
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[-1] == pytest.approx(0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_warms_up_alike_and_never_rises_again(kind: str) -> None:
    found = shares(kind, warmup_share=0.2)
    assert found[:20] == [(step + 1) / 20 for step in range(20)]
    assert found[19:] == sorted(found[19:], reverse=True)


def test_wsd_stays_at_the_peak_until_its_last_part() -> None:
    found = shares("wsd", warmup_share=0.0, final_share=0.0, decay_share=0.4)
    assert set(found[:60]) == {1.0}
    assert found[60] < 1.0
    later = shares("wsd", warmup_share=0.0, final_share=0.0, decay_share=0.1)
    assert set(later[:90]) == {1.0}
    assert later[90:] == pytest.approx([0.9 - step / 10 for step in range(10)])


def test_a_constant_rate_stays() -> None:
    assert set(shares("constant", warmup_share=0.0)) == {1.0}


def test_a_polynomial_of_power_1_is_linear_and_a_higher_one_falls_sooner() -> None:
    assert shares("polynomial", power=1.0) == pytest.approx(shares("linear"))
    pairs = zip(shares("polynomial", power=3.0)[10:-1], shares("linear")[10:-1], strict=True)
    assert all(sooner < straight for sooner, straight in pairs)


def test_the_inverse_square_root_is_half_at_four_warmups_and_stops_at_the_final_share() -> None:
    found = shares("inverse_sqrt", steps=1000, warmup_share=0.01, final_share=0.2)
    assert found[39] == 0.5
    assert found[159] == 0.25
    assert set(found[250:]) == {0.2}
    assert shares("inverse_sqrt", warmup_share=0.0)[:4] == pytest.approx([1, 2**-0.5, 3**-0.5, 0.5])


def test_steps_fall_by_their_factor_and_stop_at_the_final_share() -> None:
    found = shares("step", warmup_share=0.0, step_every_share=0.25, step_factor=0.5, final_share=0.2)
    assert [found[step] for step in (0, 24, 25, 49, 50, 74, 75, 99)] == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("warmup_share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_every_share_of_short_trainings_is_between_0_and_1(
    kind: str, warmup_share: float, steps: int
) -> None:
    found = shares(kind, steps=steps, warmup_share=warmup_share)
    assert all(0.0 <= share <= 1.0 and math.isfinite(share) for share in found)


def test_every_kind_that_params_allow_has_a_curve() -> None:
    assert set(CURVES) == set(KINDS)
