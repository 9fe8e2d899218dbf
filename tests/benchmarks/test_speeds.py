"""What the training benchmarks make of their times, and what they need to be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers import Shape, nanogpt
from benchmarks.speeds import OURS, PEERS_LAYERS, Cost, Speeds
from pipeline.errors import ParamsError

SHAPE = Shape(layers=1, heads=1, width=96, context=10, batch=2, vocab_size=300)
ADAMW, MUON = OURS[PEERS_LAYERS, "adamw"], OURS[PEERS_LAYERS, "muon"]


def test_the_ratio_is_to_the_peer_of_the_lowest_median_in_the_same_round() -> None:
    seconds = {
        ADAMW: [1.0, 4.0, 1.0],
        "fast": [2.0, 12.0, 2.0],
        "slow": [9.0, 9.0, 9.0],
    }
    seconds |= {MUON: [4.0, 24.0, 2.0], "hopeless": [40.0]}
    found = Speeds(20, {name: [Cost(each, 1.0) for each in steps] for name, steps in seconds.items()})
    assert found.fastest_peer == "fast"
    assert found.ratio(ADAMW) == 2.0
    assert found.ratio(MUON) == 0.5
    rows = {name: cells for name, *cells in found.rows()}
    assert rows[ADAMW] == ["20", "2.00", "1.00", "3"]
    assert rows["hopeless"] == ["0", "0.05", "1.00", "1"]
    assert next(iter(rows)) == ADAMW


def test_without_the_peers_checkout_one_line_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for named in (None, "", str(tmp_path)):
        monkeypatch.delenv("NANOGPT", raising=False)
        if named is not None:
            monkeypatch.setenv("NANOGPT", named)
        with pytest.raises(ParamsError, match="NANOGPT=folder"):
            nanogpt(SHAPE)
