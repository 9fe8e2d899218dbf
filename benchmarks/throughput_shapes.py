"""Tokens per second of training at other shapes: a context of 1,024 tokens, and 0.8 million parameters.

    make bench NAME=throughput-shapes NANOGPT=checkout

The first is the shape of `throughput` with four times the context and a quarter of the blocks; the second is
that of nanoGPT's recipe for a CPU, with its vocabulary of characters.
"""

from __future__ import annotations

from benchmarks.bench import Result
from benchmarks.peers import Shape
from benchmarks.speeds import HEAD, OURS, PEERS_LAYERS, speeds

SHAPES = {
    "context 1,024": Shape(layers=6, heads=6, width=384, context=1024, batch=4, vocab_size=8192),
    "0.8 M": Shape(layers=4, heads=4, width=128, context=64, batch=12, vocab_size=96),
}
LEAST = 1.0  # times the fastest peer


def measure() -> Result:
    """Tokens per second of all at each shape, and ours over the fastest peer's."""
    rows: list[tuple[str, ...]] = [("shape", *HEAD)]
    figures: list[tuple[str, float, float]] = []
    for label, shape in SHAPES.items():
        found = speeds(shape)
        rows += [(label, *row) for row in found.rows()]
        name = OURS[PEERS_LAYERS, "adamw"]
        figures.append((f"{label}, {name}", found.ratio(name), LEAST))
    return Result(tuple(rows), tuple(figures))
