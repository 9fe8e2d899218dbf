"""What the benchmark of training on a GPU makes of its times, on the device that is there."""

from __future__ import annotations

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu import CONTENDERS, OURS, PEER, Contender, Cost, cost_of, row
from benchmarks.peers import Shape
from benchmarks.speeds import DEFAULT_LAYERS
from pipeline.errors import ParamsError

SHAPE = Shape(layers=1, heads=1, width=32, context=8, batch=2, vocab_size=300)


def test_a_row_gives_speed_share_of_the_ceiling_and_memory() -> None:
    cost = Cost(seconds=0.5, flops_per_token=1e6, peak_bytes=2_500_000_000)
    name = "gristmill, nanoGPT's layers, adamw, compiled"
    assert row(OURS, cost, SHAPE, ceiling=64e6) == (name, "32", "50.0%", "2.5")
    assert len({contender.name for contender in CONTENDERS}) == len(CONTENDERS)
    assert PEER.name == "nanoGPT, adamw, compiled"


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_training_is_timed_on_the_device_at_hand(optimizer: str) -> None:
    cost = cost_of(SHAPE, Contender(DEFAULT_LAYERS, optimizer, compiled=False), 0.05)
    assert 0.0 < cost.seconds < 1.0
    assert cost.flops_per_token > 6 * SHAPE.vocab_size * SHAPE.width
    assert cost.peak_bytes > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so() -> None:
    with pytest.raises(ParamsError, match="finds no GPU here"):
        gpu.measure()
