"""Memory and time of `clean` and `dedupe` on 1, 4 and 16 times as many documents.

Memory is flat when the largest process needs at most MOST_GROWTH times as much for the largest corpus as for
the smallest, and less than MOST_BYTES. Time is linear when from 4 to 16 times the corpus no more than
a tenth of the documents per processor second is lost (the smallest corpus is mostly start-up).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.bench import Result
from benchmarks.commands import measured, originals

UNIT_DOCUMENTS = 16_000
TIMES = (1, 4, 16)
MOST_GROWTH, MOST_BYTES, LEAST_KEPT_SPEED = 1.3, 2e9, 0.9
PROCESSES = 2


def measure() -> Result:
    """The cost of each size and how it grows."""
    texts = originals()
    with tempfile.TemporaryDirectory() as scratch:
        costs = {
            times: measured(Path(scratch, "mill"), times * UNIT_DOCUMENTS, texts, processes=PROCESSES)
            for times in TIMES
        }
    speeds = {times: times * UNIT_DOCUMENTS / cost.cpu_seconds for times, cost in costs.items()}
    rows = [("corpus", "documents", "seconds", "processor seconds", "documents/s of these", "peak MB")]
    rows += [
        (
            f"{times}x",
            f"{times * UNIT_DOCUMENTS:,}",
            f"{cost.seconds:.1f}",
            f"{cost.cpu_seconds:.1f}",
            f"{speeds[times]:,.0f}",
            f"{cost.peak_bytes / 1e6:,.0f}",
        )
        for times, cost in costs.items()
    ]
    smallest, largest = costs[TIMES[0]].peak_bytes, costs[TIMES[-1]].peak_bytes
    figures = (
        ("memory of 1x by that of 16x", smallest / largest, 1 / MOST_GROWTH),
        ("2 GB by the peak", MOST_BYTES / largest, 1.0),
        ("speed at 16x by that at 4x", speeds[TIMES[-1]] / speeds[TIMES[1]], LEAST_KEPT_SPEED),
    )
    return Result(tuple(rows), figures)
