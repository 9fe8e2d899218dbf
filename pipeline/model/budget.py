"""How long trainings take, and the longest one that a time allows: arithmetic on measured seconds."""

from __future__ import annotations

import bisect
import dataclasses

MOST_STEPS = 100_000_000  # what params allow


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """How many steps a training takes, and after how many each it is measured and saved."""

    steps: int
    evaluate_every_steps: int
    checkpoint_every_steps: int

    @property
    def evaluations(self) -> int:
        """How often it is measured: the end included."""
        return -(-self.steps // self.evaluate_every_steps)

    @property
    def checkpoints(self) -> int:
        """How often it is saved: the end included."""
        return -(-self.steps // self.checkpoint_every_steps)

    def stretched(self, steps: int) -> Plan:
        """So many steps, evaluated at the same shares of them and saved after as many as before."""
        every = -(-steps * self.evaluate_every_steps // self.steps)
        return Plan(steps, min(every, MOST_STEPS), self.checkpoint_every_steps)


@dataclasses.dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that the pieces of a training take."""

    step: float
    evaluation: float  # of the whole held-out split
    checkpoint: float

    def seconds(self, plan: Plan) -> float:
        """What the training takes, without what comes before and after it."""
        return (
            plan.steps * self.step + plan.evaluations * self.evaluation + plan.checkpoints * self.checkpoint
        )


def longest(seconds: float, *, like: Plan, pace: Pace) -> Plan | None:
    """The plan with the most steps that fits into the seconds, None when not even one does."""
    steps = bisect.bisect_right(
        range(1, MOST_STEPS + 1), seconds, key=lambda count: pace.seconds(like.stretched(count))
    )
    return like.stretched(steps) if steps else None
