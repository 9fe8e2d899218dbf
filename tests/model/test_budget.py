"""The longest training that a time allows."""

from __future__ import annotations

import pytest

from pipeline.model.budget import Pace, Plan, longest

PACE = Pace(step=0.5, evaluation=6.0, checkpoint=0.25)


def test_a_trainings_seconds_are_its_steps_evaluations_and_checkpoints() -> None:
    assert PACE.seconds(Plan(200, 100, 50)) == 200 * 0.5 + 2 * 6.0 + 4 * 0.25
    assert PACE.seconds(Plan(201, 100, 50)) == 201 * 0.5 + 3 * 6.0 + 5 * 0.25


@pytest.mark.parametrize("seconds", [7.0, 60.0, 113.0, 734.5, 9000.0])
@pytest.mark.parametrize("like", [Plan(220, 110, 50), Plan(60, 25, 10), Plan(7, 100, 1)])
def test_the_longest_plan_fits_and_one_step_more_does_not(seconds: float, like: Plan) -> None:
    plan = longest(seconds, like=like, pace=PACE)
    assert plan is not None
    assert PACE.seconds(plan) <= seconds < PACE.seconds(like.stretched(plan.steps + 1))
    assert plan.checkpoint_every_steps == like.checkpoint_every_steps


def test_evaluations_stay_at_their_shares_of_the_training() -> None:
    for steps in range(1, 500):
        stretched = Plan(220, 110, 50).stretched(steps)
        assert stretched.evaluations <= 2
        assert abs(stretched.evaluate_every_steps - steps / 2) <= 0.5
    assert Plan(220, 110, 50).stretched(1202) == Plan(1202, 601, 50)


def test_no_time_for_a_step_is_no_plan() -> None:
    assert longest(6.7, like=Plan(220, 110, 50), pace=PACE) is None
    assert longest(-1.0, like=Plan(220, 110, 50), pace=PACE) is None
    assert longest(6.75, like=Plan(220, 110, 50), pace=PACE) == Plan(1, 1, 50)
