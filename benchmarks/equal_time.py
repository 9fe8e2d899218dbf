"""Equal time: what the recipe reaches in the processor seconds that nanoGPT's best result takes.

    make bench NAME=equal-time CORPUS=folder-of-text NANOGPT=checkout

The set-up is that of learning.py. A few steps say how many fit into nanoGPT's seconds, with a margin; a run
that takes longer than nanoGPT's all the same does not count.
"""

from __future__ import annotations

import time
from itertools import islice

from benchmarks.bench import Result
from benchmarks.learning import HEAD, OURS, nanogpt_best, one_thread, recipe, text, we_learn
from benchmarks.ours import training
from benchmarks.trainings import new_model

LEAST_BITS = 0.2  # per byte, better than nanoGPT
PROBE_STEPS = 12
MARGIN = 0.85  # of nanoGPT's seconds: on a busy machine a probe of a few steps may be a tenth too fast


def measure() -> Result:
    """Bits per byte of both; figures are the difference, and nanoGPT's seconds over ours."""
    best, tried = nanogpt_best()
    steps = int(MARGIN * best.seconds / _seconds_per_step())
    ours = we_learn(recipe(tokens=steps * OURS.batch * OURS.context))
    rows = [HEAD]
    rows += [learned.cells(f"nanoGPT, learning rate {rate:g}") for rate, learned in tried.items()]
    rows.append(ours.cells("gristmill"))
    figures = (
        ("bits per byte below nanoGPT's best", best.bits_per_byte - ours.bits_per_byte, LEAST_BITS),
        ("nanoGPT's seconds over ours", best.seconds / ours.seconds, 1.0),
    )
    return Result(tuple(rows), figures)


def _seconds_per_step() -> float:
    """Processor seconds of a step of our recipe; the first, which warms up, is left out."""
    params = recipe(tokens=1000 * OURS.batch * OURS.context)
    model = new_model(params, vocab_size=OURS.vocab_size, context_tokens=OURS.context)
    records = training(model, text().train, params, one_thread())
    next(records)
    started = time.process_time()
    steps = sum(1 for _ in islice(records, PROBE_STEPS))
    return (time.process_time() - started) / steps
