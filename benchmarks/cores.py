"""`clean` and `dedupe` on one core and on two: the same documents, in turns, medians of the times."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.bench import Result
from benchmarks.commands import Cost, measured, originals

DOCUMENTS = 256_000  # as many as the largest corpus of growth.py
ROUNDS = 3
LEAST_RATIO = 1.8


def measure() -> Result:
    """How many times as fast two processes are as one."""
    texts = originals()
    costs: dict[int, list[Cost]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(ROUNDS):
            for processes, found in costs.items():
                found.append(measured(Path(scratch, "mill"), DOCUMENTS, texts, processes=processes))
    seconds = {number: statistics.median(cost.seconds for cost in found) for number, found in costs.items()}
    used = {number: statistics.median(cost.cpu_seconds for cost in found) for number, found in costs.items()}
    rows = [("processes", "documents", "seconds", "processor seconds")]
    rows += [
        (str(number), f"{DOCUMENTS:,}", f"{seconds[number]:.1f}", f"{used[number]:.1f}") for number in costs
    ]
    return Result(tuple(rows), (("times as fast", seconds[1] / seconds[2], LEAST_RATIO),))
