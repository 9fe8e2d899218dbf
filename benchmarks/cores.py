"""`clean` and `dedupe` on one core and on two: the same documents, in turns, medians of the times.

The last rows show what two cores of this machine give at best: two loops that share nothing, one after the
other and side by side.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench import Result
from benchmarks.commands import Cost, measured, originals

DOCUMENTS = 256_000  # as many as the largest corpus of growth.py
ROUNDS = 3
LOOP = "for number in range(30_000_000): pass"
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
    one, two = (statistics.median(_loops(count) for _ in range(ROUNDS)) for count in (1, 2))
    rows += [("1, for two loops", "", f"{2 * one:.1f}", ""), ("2, for two loops", "", f"{two:.1f}", "")]
    return Result(tuple(rows), (("times as fast", seconds[1] / seconds[2], LEAST_RATIO),))


def _loops(count: int) -> float:
    """The seconds that so many loops take side by side."""
    started = time.perf_counter()
    loops = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(count)]
    for loop in loops:
        loop.wait()
    return time.perf_counter() - started
