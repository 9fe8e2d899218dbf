"""Training on a GPU at GPT-2's size, 124 million parameters in bf16, beside nanoGPT; and that it goes on.

    make bench NAME=gpu NANOGPT=checkout

MFU, the model's own arithmetic as a share of what products reach on the same card (see utilization.py), is
held against a bar, and so is the speed against nanoGPT as its train.py runs it: bf16 autocast, fused AdamW,
compiled. Last, a small training on the card is stopped in every step and must end with the bits of one that
was not. Everything is a process of its own, one after the other.
"""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.bench import Result
from benchmarks.ours import training
from benchmarks.peers import Shape, nanogpt_step
from benchmarks.resume import stopped_at_every_step
from benchmarks.speeds import DEFAULT_LAYERS, PEERS_LAYERS, fed, our_params, random_blocks
from benchmarks.trainings import blocks, default_params, new_model
from pipeline.errors import ParamsError
from pipeline.model.runtime import start_runtime
from pipeline.model.utilization import ceiling_flops_per_second, flops_per_token, peak_memory_bytes

SHAPE = Shape(layers=12, heads=12, width=768, context=1024, batch=16, vocab_size=50304)
SECONDS = 20.0  # of each contender, after its first steps
WARMING_STEPS = 5
LEAST_MFU = 0.5
LEAST_RATIO = 1.0  # times nanoGPT, both compiled, the same layers and optimizer
_Found = TypeVar("_Found")


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """What is timed: nanoGPT, or this project with `layers`; the optimizer; whether torch compiles it."""

    layers: str | None  # None: nanoGPT's own code
    optimizer: str
    compiled: bool

    @property
    def name(self) -> str:
        """How the table calls it."""
        who = "nanoGPT" if self.layers is None else f"gristmill, {self.layers} layers"
        return f"{who}, {self.optimizer}{', compiled' if self.compiled else ''}"


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """Of one contender: seconds of a step, its arithmetic for a token, and the most memory it took."""

    seconds: float
    flops_per_token: float
    peak_bytes: int


PEER = Contender(None, "adamw", compiled=True)
OURS = Contender(PEERS_LAYERS, "adamw", compiled=True)
CONTENDERS = (
    *(PEER, dataclasses.replace(PEER, compiled=False)),
    *(OURS, dataclasses.replace(OURS, compiled=False)),
    *(Contender(DEFAULT_LAYERS, optimizer, compiled=True) for optimizer in ("adamw", "muon")),
)


def measure() -> Result:
    """Tokens per second, MFU and memory of all. ParamsError without a GPU or a checkout of nanoGPT."""
    if not torch.cuda.is_available():
        raise ParamsError("torch finds no GPU here; run it on a machine that has one")
    ceiling = _alone(_ceiling)
    costs = {each: _alone(cost_of, SHAPE, each, SECONDS) for each in CONTENDERS}
    rows = [("contender", "tokens/s", "MFU", "peak GB")]
    rows += [row(each, cost, SHAPE, ceiling) for each, cost in costs.items()]
    best = max(_mfu(cost, SHAPE, ceiling) for each, cost in costs.items() if each.layers is not None)
    figures = (
        ("best MFU", best, LEAST_MFU),
        ("times nanoGPT, both compiled", costs[PEER].seconds / costs[OURS].seconds, LEAST_RATIO),
        ("same after every step", _alone(_share_resumed), 1.0),
    )
    return Result(tuple(rows), figures)


def row(contender: Contender, cost: Cost, shape: Shape, ceiling: float) -> tuple[str, ...]:
    """Its line of the table; `ceiling` in operations per second."""
    tokens = f"{shape.batch * shape.context / cost.seconds:,.0f}"
    return contender.name, tokens, f"{_mfu(cost, shape, ceiling):.1%}", f"{cost.peak_bytes / 1e9:.1f}"


def cost_of(shape: Shape, contender: Contender, seconds: float) -> Cost:
    """Trains for so many seconds on what `start_runtime` finds, a GPU if there is one."""
    layers = contender.layers or PEERS_LAYERS
    params = our_params(shape, layers, contender.optimizer)
    rules = dataclasses.replace(params.runtime, gradients="fast", compile=contender.compiled)
    params = dataclasses.replace(params, runtime=rules, micro_batch_blocks=shape.batch)
    model = new_model(params, vocab_size=shape.vocab_size, context_tokens=shape.context)
    arithmetic = flops_per_token(model)  # nanoGPT's is that of the same layers here
    if contender.layers is None:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        peer = fed(nanogpt_step(shape, device, compiled=contender.compiled), shape, device)
        step: Callable[[], object] = functools.partial(peer, shape.batch)
    else:
        runtime = start_runtime(params.runtime)
        device = runtime.device
        step = training(model, random_blocks(shape), params, runtime).__next__
    for _ in range(WARMING_STEPS):
        step()
    _finished(device)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        count += 1
    _finished(device)
    return Cost((time.perf_counter() - started) / count, arithmetic, peak_memory_bytes(device))


def _finished(device: torch.device) -> None:
    """Returns when the device has done all that it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _share_resumed() -> float:
    with tempfile.TemporaryDirectory() as scratch:
        same = stopped_at_every_step(Path(scratch), blocks())
    return sum(same) / len(same)


def _ceiling() -> float:
    return ceiling_flops_per_second(start_runtime(default_params().runtime))


def _alone(function: Callable[..., _Found], *args: object) -> _Found:
    """`function(*args)` in a process of its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def _mfu(cost: Cost, shape: Shape, ceiling: float) -> float:
    return cost.flops_per_token * shape.batch * shape.context / cost.seconds / ceiling
