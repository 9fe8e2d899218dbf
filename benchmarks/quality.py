"""Quality for the time: nanoGPT's best result with a quarter of its tokens and a third of its processor time.

    make bench NAME=quality CORPUS=folder-of-text NANOGPT=checkout

The set-up is that of learning.py. The recipe is the pretrain section of params.yaml at the size of the
set-up; it learns with SEEDS, and the worst of them counts, as does the longest.
"""

from __future__ import annotations

from benchmarks.bench import Result
from benchmarks.learning import HEAD, nanogpt_best, recipe, we_learn

SEEDS = (1, 2, 3)
TOKENS_SHARE = 0.25
SECONDS_SHARE = 1 / 3


def measure() -> Result:
    """Bits per byte and processor seconds of both; figures are nanoGPT's best over our worst."""
    best, tried = nanogpt_best()
    ours = {seed: we_learn(recipe(tokens=int(TOKENS_SHARE * best.tokens), seed=seed)) for seed in SEEDS}
    rows = [HEAD]
    rows += [learned.cells(f"nanoGPT, learning rate {rate:g}") for rate, learned in tried.items()]
    rows += [learned.cells(f"gristmill, seed {seed}") for seed, learned in ours.items()]
    worst = max(learned.bits_per_byte for learned in ours.values())
    longest = max(learned.seconds for learned in ours.values())
    figures = (
        ("bits per byte, nanoGPT's best over our worst", best.bits_per_byte / worst, 1.0),
        ("seconds, nanoGPT's over our longest", best.seconds / longest, 1 / SECONDS_SHARE),
    )
    return Result(tuple(rows), figures)
