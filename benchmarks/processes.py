"""Processes: canonical gradients on 1, 2 and 4 processes end with the same bits, and what that costs."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from pathlib import Path

from benchmarks.bench import Result
from benchmarks.trainings import alike, blocks, small_params, trained
from pipeline.model.fitting import Fitted
from pipeline.model.runtime import PROCESSES_VARIABLE, launch

STEPS = 60
NUMBERS = (1, 2, 4)


def measure() -> Result:
    """The share of process counts whose training ended as that of a single process, and tokens/s of each."""
    data = blocks()
    rows = [("gradients", "processes", "seconds with start", "tokens/s", "bits as with one process")]
    same: list[bool] = []
    with tempfile.TemporaryDirectory() as scratch:
        for kind in ("canonical", "fast"):
            params = small_params(steps=STEPS, checkpoint_every_steps=STEPS)
            params = dataclasses.replace(params, runtime=dataclasses.replace(params.runtime, gradients=kind))
            alone: list[tuple[Fitted, Path]] = []
            for number in NUMBERS:
                os.environ[PROCESSES_VARIABLE] = str(number)
                folder, started = Path(scratch, f"{kind}-{number}"), time.monotonic()
                found: Fitted = launch(trained, folder, params, data)
                seconds = time.monotonic() - started
                alone = alone or [(found, folder)]
                equal = alike(found, alone[0][0], (folder, alone[0][1]))
                same += [equal] if kind == "canonical" else []
                speed = f"{found.weather.tokens_per_second:,.0f}"
                rows.append((kind, str(number), f"{seconds:.1f}", speed, "yes" if equal else "no"))
    del os.environ[PROCESSES_VARIABLE]
    return Result(tuple(rows), (("canonical the same", sum(same) / len(same), 1.0),))
