"""From the start of Python to the end of the first step of the default training, gates included."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.bench import PARAMS_FILE, Result
from benchmarks.trainings import default_params, drawn_blocks, new_model
from pipeline.model.checkpoint import Progress
from pipeline.model.gates import check_causality, shaken
from pipeline.model.gradients import gradients_of
from pipeline.model.optimization import build_optimizers
from pipeline.model.runtime import start_runtime
from pipeline.model.training import train
from stages.pretrain import block_order

ROUNDS = 5
MOST_SECONDS = 6.0
VOCAB_SIZE, BLOCK_TOKENS = 4096, 256  # of the default; what the tokens are changes no time


def measure() -> Result:
    """The median time of a few starts, each in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.first_step"]
    seconds = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        subprocess.run(command, cwd=PARAMS_FILE.parent, check=True)
        seconds.append(time.monotonic() - started)
    rows = (("starts", "median", "longest"),)
    rows += ((str(ROUNDS), f"{statistics.median(seconds):.2f} s", f"{max(seconds):.2f} s"),)
    return Result(rows, (("bar over seconds", MOST_SECONDS / statistics.median(seconds), 1.0),))


def take_first_step() -> None:
    """Does what `pretrain` does up to the first update, on tokens drawn at random."""
    params = default_params()
    runtime = start_runtime(params.runtime)
    model = new_model(params, vocab_size=VOCAB_SIZE, context_tokens=BLOCK_TOKENS)
    check_causality(shaken(model))
    optimizers = build_optimizers(model, params.optimization, dtype=runtime.dtype)
    data = drawn_blocks(params.batch_blocks, vocab_size=VOCAB_SIZE, block_tokens=BLOCK_TOKENS)
    gradients = gradients_of(model, data, block_order(data, params), runtime=runtime)
    next(train(model, optimizers, gradients, start=Progress(), params=params))


if __name__ == "__main__":
    take_first_step()
