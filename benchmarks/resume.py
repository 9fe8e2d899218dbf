"""Resume: a training stopped after every step, and ones killed at random moments, end with the same bits."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from benchmarks.bench import Result
from benchmarks.trainings import Blocks, alike, blocks, killed_after, small_params, stopped_after, trained

STEPS, LONG_STEPS = 20, 200
KILLS = 100


def measure() -> Result:
    """The share of resumed trainings that ended as the undisturbed one: curve, weights, moments."""
    data = blocks()
    with tempfile.TemporaryDirectory() as scratch:
        stopped = stopped_at_every_step(Path(scratch, "stopped"), data)
        killed, kills = _killed_at_random(Path(scratch, "killed"), data)
    rows = (
        ("training", "resumed", "bitwise the same"),
        (f"{STEPS} steps, stopped in each", f"{len(stopped)} trainings", str(sum(stopped))),
        (f"{LONG_STEPS} steps, {kills} kills", f"{len(killed)} trainings", str(sum(killed))),
    )
    shares = (
        ("same after every step", sum(stopped) / len(stopped), 1.0),
        (f"same after {kills} kills", sum(killed) / len(killed), 1.0),
    )
    return Result(rows, shares)


def stopped_at_every_step(folder: Path, data: Blocks) -> list[bool]:
    """Whether a training of STEPS ended as the undisturbed one, for each step that it was stopped in."""
    params = small_params(steps=STEPS, checkpoint_every_steps=STEPS)
    whole = folder / "whole"
    wanted, found = trained(whole, params, data), []
    for step in range(1, STEPS):
        mine = folder / str(step)
        stopped_after(step, mine, params, data)
        found.append(alike(trained(mine, params, data), wanted, (mine, whole)))
    return found


def _killed_at_random(folder: Path, data: Blocks) -> tuple[list[bool], int]:
    """For each training whether it ended the same, and how often one of them was killed."""
    params = small_params(steps=LONG_STEPS, checkpoint_every_steps=7)
    whole = folder / "whole"
    wanted, moments = trained(whole, params, data), random.Random(1)
    found: list[bool] = []
    kills = 0
    while kills < KILLS:
        mine = folder / str(len(found))
        while killed_after(moments.uniform(0.05, 1.5), mine, params, data):
            kills += 1
        found.append(alike(trained(mine, params, data), wanted, (mine, whole)))
    return found, kills
