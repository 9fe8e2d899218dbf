"""What the training benchmarks make of their times, and what they need to be told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.peers import Shape
from benchmarks.speeds import OURS, Speeds

SHAPE = Shape(layers=1, heads=1, width=96, context=10, batch=2, vocab_size=300)


def test_the_ratio_is_to_the_peer_of_the_lowest_median_in_the_same_round() -> None:
    seconds = {OURS["adamw"]: [1.0, 4.0, 1.0], "fast": [2.0, 12.0, 2.0], "slow": [9.0, 9.0, 9.0]}
    found = Speeds(SHAPE, 1, {**seconds, OURS["muon"]: [4.0, 24.0, 2.0], "hopeless": [40.0]})
    assert found.fastest_peer == "fast"
    assert found.ratio(OURS["adamw"]) == 2.0
    assert found.ratio(OURS["muon"]) == 0.5
    rows = {name: (speed, ratio, steps) for name, speed, ratio, steps in found.rows()}
    assert rows[OURS["adamw"]] == ("20", "2.00", "3")
    assert rows["hopeless"] == ("0", "0.05", "1")
    assert next(iter(rows)) == OURS["adamw"]


@pytest.mark.parametrize("name", ["throughput", "quality"])
def test_without_the_peers_checkout_one_line_says_what_to_set(name: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in {"NANOGPT", "CORPUS"}}
    command = [sys.executable, "-m", "benchmarks.bench", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"{name}: NANOGPT: must name a checkout of github.com/karpathy/nanoGPT: NANOGPT=folder"
    ]
