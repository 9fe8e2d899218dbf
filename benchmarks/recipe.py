"""The recipe of params.yaml beside what the field does instead, one change at a time.

    make bench NAME=recipe CORPUS=folder-of-text

The set-up is that of learning.py, with TOKENS to learn from. Every alternative can be exported as the recipe
can. The figure is by how much the best of them is worse than the recipe; seeds alone differ by about NOISE.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.bench import Result
from benchmarks.learning import HEAD, recipe, we_learn

TOKENS = 128_000
NOISE = 0.007  # bits per byte
ALTERNATIVES: dict[str, dict[str, Any]] = {
    "AdamW for the matrices too, 0.003": {
        "optimization.optimizer": "adamw",
        "optimization.adamw_learning_rate": 0.003,
    },
    "Muon at half the rate": {"optimization.muon_learning_rate": 0.01},
    "Muon at twice the rate": {"optimization.muon_learning_rate": 0.04},
    "embeddings at the rate of the head": {"optimization.embedding_learning_rate": 0.01},
    "cosine": {"optimization.schedule.kind": "cosine"},
    "falling from the start": {"optimization.schedule.kind": "linear"},
    "new blocks add nothing": {"model.initialization": "zero_output"},
    "no QK-norm": {"model.qk_norm": False},
    "tied embeddings": {"model.tied_embeddings": True},
}


def measure() -> Result:
    """Bits per byte of the recipe and of each alternative after the same tokens."""
    params = recipe(tokens=TOKENS)
    ours = we_learn(params)
    tried = {name: we_learn(changed(params, changes)) for name, changes in ALTERNATIVES.items()}
    rows = [HEAD, ours.cells("params.yaml"), *(learned.cells(name) for name, learned in tried.items())]
    best = min(learned.bits_per_byte for learned in tried.values())
    return Result(
        tuple(rows), (("bits per byte below the best alternative", best - ours.bits_per_byte, -NOISE),)
    )


def changed(section: Any, changes: dict[str, Any]) -> Any:
    """The params with other values at some dotted keys."""
    for key, value in changes.items():
        name, _, rest = key.partition(".")
        inner = changed(getattr(section, name), {rest: value}) if rest else value
        section = dataclasses.replace(section, **{name: inner})
    return section
