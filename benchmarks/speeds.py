"""Tokens per second of training, peers and this project in turns, so that noise of the machine hits all.

Each contender is a process of its own, as its users run it, and asleep while it is not its turn. What stages
set for themselves (see pipeline/memory.py and pipeline/model/__init__.py) holds for this project's only.

A speed compares with another one at the same work, so this project's decoder is there with the layers of
nanoGPT (LayerNorm, learned positions, GELU), which its figures are taken from; and with those of params.yaml,
whose norms of queries and keys and rotations cost time and are worth it (`quality` and `equal-time`).

Every contender takes two steps first, peers on one block. A peer whose second takes over SLOW times the
processor time of the fastest one's is left out of the rounds (bf16 on a processor without instructions for
it), and its speed is that of the one block. In a round each has a turn of TURN_SECONDS, one step at least,
and so for a minute or longer. Ratios are medians over the rounds of two times of the same round; those of
processor time tell more where others use the machine too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import multiprocessing
import os
import statistics
import time
import unittest.mock
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import numpy as np
import torch
from torch import Tensor

from benchmarks.ours import shaped, training
from benchmarks.peers import Shape, contenders
from benchmarks.trainings import default_params, new_model
from pipeline.memory import keep_freed
from pipeline.model.batches import TokenBlocks
from pipeline.model.runtime import start_runtime
from pipeline.settings.pretrain import PretrainParams
from pipeline.tokens.bpe import CONTROLS, Tokenizer

ROUNDS = 5  # at least, and as many as LEAST_SECONDS have room for
LEAST_SECONDS = 60.0
TURN_SECONDS = 0.5
SLOW = 3.0
THREADS = 2
CPU = torch.device("cpu")
STEPS = 100_000  # more than any measurement takes
BATCHES = 4  # of random tokens: text would not change the time
ADAMW_RATE = 0.003  # what params.yaml names for AdamW alone
ASLEEP_SECONDS = 0.01  # after which the threads of a contender no longer wait awake for more to do
Step = Callable[[int], None]  # an update from the first so many blocks of a batch
PEERS_LAYERS, DEFAULT_LAYERS = "nanoGPT's", "default"
OURS = {  # this project's contenders, by layers and optimizer
    (layers, optimizer): f"gristmill, {layers} layers, {name}"
    for layers in (PEERS_LAYERS, DEFAULT_LAYERS)
    for optimizer, name in (("adamw", "AdamW"), ("muon", "Muon"))
}


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What a step took on average over a turn: seconds, and seconds of the processor on all threads."""

    wall: float
    processor: float


@dataclasses.dataclass(frozen=True, slots=True)
class Speeds:
    """The cost of a step in each round by contender, at a shape of so many tokens a step."""

    tokens: int
    costs: dict[str, list[Cost]]  # one entry only: too slow to go on, guessed from one block

    @property
    def fastest_peer(self) -> str:
        """The peer of the lowest median."""
        return min(self.costs.keys() - set(OURS.values()), key=self.median)

    def median(self, name: str) -> float:
        """Of the seconds of a contender's steps."""
        return statistics.median(cost.wall for cost in self.costs[name])

    def ratio(self, name: str, of: Callable[[Cost], float] = lambda cost: cost.wall) -> float:
        """How many times as fast as the fastest peer."""
        peer, own = map(of, self.costs[self.fastest_peer]), [of(cost) for cost in self.costs[name]]
        if len(own) == 1:
            return statistics.median(peer) / own[0]
        return statistics.median(theirs / ours for theirs, ours in zip(peer, own, strict=True))

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Tokens per second of all, fastest first."""
        for name in sorted(self.costs, key=self.median):
            ratios = self.ratio(name), self.ratio(name, lambda cost: cost.processor)
            speed = f"{self.tokens / self.median(name):,.0f}"
            yield name, speed, *(f"{ratio:.2f}" for ratio in ratios), str(len(self.costs[name]))


HEAD = ("contender", "tokens/s", "of the fastest peer's", "the same by processor time", "turns")


def speeds(shape: Shape) -> Speeds:
    """Times all contenders at a shape on THREADS threads. ParamsError when NANOGPT names no checkout."""
    with contextlib.ExitStack() as stack:
        names = [*OURS.values(), *contenders(shape)]
        timed = {name: stack.enter_context(_at_work(shape, name)) for name in names}
        ours = set(OURS.values())
        for _ in range(2):
            first = {
                name: cost_of(shape.batch if name in ours else 1, 0.0) for name, cost_of in timed.items()
            }
        limit = SLOW * min(cost.processor for name, cost in first.items() if name not in ours)
        rivals = [name for name in names if name in ours or first[name].processor <= limit]
        costs: dict[str, list[Cost]] = {name: [] for name in rivals}
        for name in first.keys() - costs.keys():
            costs[name] = [Cost(shape.batch * first[name].wall, shape.batch * first[name].processor)]
        started, rounds = time.perf_counter(), 0
        while rounds < ROUNDS or time.perf_counter() - started < LEAST_SECONDS:
            rounds += 1
            for name in rivals:
                costs[name].append(timed[name](shape.batch, TURN_SECONDS))
    return Speeds(shape.batch * shape.context, costs)


@contextlib.contextmanager
def _at_work(shape: Shape, name: str) -> Iterator[Callable[[int, float], Cost]]:
    """A contender's process: what is called with a number of blocks and the seconds of a turn gives the cost
    of a step on so many blocks.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_contend, args=(shape, name, there), daemon=True)
    with unittest.mock.patch.dict(os.environ):
        if name not in OURS.values():
            os.environ.pop("GOMP_SPINCOUNT", None)
        process.start()
    there.close()

    def cost_of(num_blocks: int, seconds: float) -> Cost:
        time.sleep(ASLEEP_SECONDS)
        here.send((num_blocks, seconds))
        cost: Cost = here.recv()
        return cost

    try:
        yield cost_of
    finally:
        process.kill()
        process.join()


def _contend(shape: Shape, name: str, orders: Connection) -> None:
    """Takes turns of steps on as many blocks, and as long, as asked for and answers what a step cost, for
    good.
    """
    torch.set_num_threads(THREADS)
    ours = {listed: pair for pair, listed in OURS.items()}
    step = _ours(shape, *ours[name]) if name in ours else fed(contenders(shape)[name](), shape)
    while True:
        num_blocks, seconds = orders.recv()
        wall, processor, steps = time.perf_counter(), time.process_time(), 0
        while not steps or time.perf_counter() - wall < seconds:
            step(num_blocks)
            steps += 1
        spent = time.perf_counter() - wall, time.process_time() - processor
        orders.send(Cost(*(each / steps for each in spent)))


def _ours(shape: Shape, layers: str, optimizer: str) -> Step:
    """One step of the training that `pretrain` runs."""
    keep_freed()
    params = our_params(shape, layers, optimizer)
    runtime = start_runtime(params.runtime)
    model = new_model(params, vocab_size=shape.vocab_size, context_tokens=shape.context)
    records = training(model, random_blocks(shape), params, runtime)

    def step(num_blocks: int) -> None:
        assert num_blocks == shape.batch, num_blocks
        next(records)

    return step


def our_params(shape: Shape, layers: str, optimizer: str) -> PretrainParams:
    """The params of this project's contender, head tied as in the peers."""
    params = shaped(default_params(), shape, steps=STEPS)
    model_params = dataclasses.replace(params.model, tied_embeddings=True)
    if layers == PEERS_LAYERS:
        model_params = dataclasses.replace(
            model_params,
            mlp="gelu",
            mlp_width=4 * shape.width,
            norm="layernorm",
            qk_norm=False,
            positions="learned",
            rope_theta=None,
        )
    rates = {"embedding_learning_rate": ADAMW_RATE, "adamw_learning_rate": ADAMW_RATE}
    return dataclasses.replace(
        params,
        model=model_params,
        optimization=dataclasses.replace(params.optimization, optimizer=optimizer, **rates),
        runtime=dataclasses.replace(params.runtime, threads=THREADS),
    )


def fed(update: Callable[[Tensor, Tensor], None], shape: Shape, device: torch.device = CPU) -> Step:
    """A peer's step on the same blocks, in turn."""
    blocks, turns = random_blocks(shape), itertools.count()

    def step(num_blocks: int) -> None:
        first = next(turns) % BATCHES * shape.batch
        batch = blocks.batch(range(first, first + num_blocks)).to(device)
        update(batch.tokens_BT, batch.targets_BT.contiguous())

    return step


def random_blocks(shape: Shape) -> TokenBlocks:
    """BATCHES batches of random tokens, each block of one document."""
    tokens = BATCHES * shape.batch * shape.context + 1
    ids = np.random.default_rng(1).integers(len(CONTROLS), shape.vocab_size, tokens)
    return TokenBlocks(ids, block_tokens=shape.context, bos_id=Tokenizer.bos_id, pad_id=Tokenizer.pad_id)
