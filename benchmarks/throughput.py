"""Tokens per second of training at 13.8 million parameters, two threads, beside nanoGPT and HF's Llama.

    make bench NAME=throughput NANOGPT=checkout

Six layers of width 384, batches of 16 blocks of 256 tokens, a vocabulary of 8,192, embedding and head tied.
"""

from __future__ import annotations

from benchmarks.bench import Result
from benchmarks.peers import Shape
from benchmarks.speeds import HEAD, OURS, PEERS_LAYERS, speeds

SHAPE = Shape(layers=6, heads=6, width=384, context=256, batch=16, vocab_size=8192)
LEAST = {"adamw": 1.5, "muon": 1.15}  # times the fastest peer


def measure() -> Result:
    """Tokens per second of all, and ours over the fastest peer's."""
    found = speeds(SHAPE)
    names = {OURS[PEERS_LAYERS, optimizer]: least for optimizer, least in LEAST.items()}
    figures = tuple((name, found.ratio(name), least) for name, least in names.items())
    return Result((HEAD, *found.rows()), figures)
