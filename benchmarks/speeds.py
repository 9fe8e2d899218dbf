"""Tokens per second of training, peers and this project in turns, so that noise of the machine hits all.

A speed compares with another one at the same work, so this project's decoder is there with the layers of
nanoGPT (LayerNorm, learned positions, GELU), which its figures are taken from; and with those of params.yaml,
whose norms of queries and keys and rotations cost time and are worth it (`quality` and `equal-time`).

Every contender takes a step first to warm up, peers on one block. A peer that takes over SLOW times the
processor time of the fastest one in it is left out of the rounds (bf16 on a processor without instructions
for it), and its speed is that of the one block. Then one step each a round, for a minute or longer. Ratios
are medians over the rounds of two times of the same round; those of processor time tell more where others use
the machine too.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from benchmarks.ours import shaped, training
from benchmarks.peers import Shape, contenders
from benchmarks.trainings import default_params, new_model
from pipeline.model.batches import TokenBlocks
from pipeline.model.runtime import Runtime, start_runtime
from pipeline.tokens.bpe import CONTROLS, Tokenizer

ROUNDS = 5  # at least, and as many as LEAST_SECONDS have room for
LEAST_SECONDS = 60.0
SLOW = 3.0
THREADS = 2
BATCHES = 4  # of random tokens: text would not change the time
ADAMW_RATE = 0.003  # what params.yaml names for AdamW alone
Step = Callable[[int], None]  # an update from the first so many blocks of a batch
PEERS_LAYERS, DEFAULT_LAYERS = "nanoGPT's", "default"
OURS = {  # this project's contenders, by layers and optimizer
    (layers, optimizer): f"gristmill, {layers} layers, {name}"
    for layers in (PEERS_LAYERS, DEFAULT_LAYERS)
    for optimizer, name in (("adamw", "AdamW"), ("muon", "Muon"))
}


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What a step took: seconds, and seconds of the processor on all threads."""

    wall: float
    processor: float


@dataclasses.dataclass(frozen=True, slots=True)
class Speeds:
    """The cost of each round's step by contender, at a shape of so many tokens a step."""

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


HEAD = ("contender", "tokens/s", "of the fastest peer's", "the same by processor time", "steps timed")


def speeds(shape: Shape) -> Speeds:
    """Times all contenders at a shape on THREADS threads."""
    runtime = start_runtime(dataclasses.replace(default_params().runtime, threads=THREADS))
    ids = np.random.default_rng(1).integers(
        len(CONTROLS), shape.vocab_size, BATCHES * shape.batch * shape.context + 1
    )
    blocks = TokenBlocks(ids, block_tokens=shape.context, bos_id=Tokenizer.bos_id, pad_id=Tokenizer.pad_id)
    peers = _peers(shape, blocks)
    steps: dict[str, Step] = {}
    for (layers, optimizer), name in OURS.items():
        steps[name] = _ours(shape, layers, optimizer, blocks, runtime)
        _cost(steps[name], shape.batch)
    first = {name: _cost(step, 1) for name, step in peers.items()}
    limit = SLOW * min(cost.processor for cost in first.values())
    steps |= {name: step for name, step in peers.items() if first[name].processor <= limit}
    costs = {name: [Cost(shape.batch * one.wall, shape.batch * one.processor)] for name, one in first.items()}
    costs |= {name: [] for name in steps}
    started, rounds = time.perf_counter(), 0
    while rounds < ROUNDS or time.perf_counter() - started < LEAST_SECONDS:
        rounds += 1
        for name, step in steps.items():
            costs[name].append(_cost(step, shape.batch))
    return Speeds(shape.batch * shape.context, costs)


def _ours(shape: Shape, layers: str, optimizer: str, blocks: TokenBlocks, runtime: Runtime) -> Step:
    """One step of the training that `pretrain` runs, head tied as in the peers."""
    params = shaped(default_params(), shape, steps=1000)
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
    params = dataclasses.replace(
        params,
        model=model_params,
        optimization=dataclasses.replace(params.optimization, optimizer=optimizer, **rates),
    )
    model = new_model(params, vocab_size=shape.vocab_size, context_tokens=shape.context)
    records = training(model, blocks, params, runtime)

    def step(num_blocks: int) -> None:
        assert num_blocks == shape.batch, num_blocks
        torch.use_deterministic_algorithms(True)
        next(records)

    return step


def _peers(shape: Shape, blocks: TokenBlocks) -> dict[str, Step]:
    """Their steps on the same blocks, with the algorithms that torch takes when nothing is asked of it."""

    def on_blocks(step: Callable[[torch.Tensor, torch.Tensor], None]) -> Step:
        turn = 0

        def once(num_blocks: int) -> None:
            nonlocal turn
            torch.use_deterministic_algorithms(False)
            first = turn % BATCHES * shape.batch
            turn += 1
            batch = blocks.batch(range(first, first + num_blocks))
            step(batch.tokens_BT, batch.targets_BT.contiguous())

        return once

    return {name: on_blocks(step) for name, step in contenders(shape).items()}


def _cost(step: Step, num_blocks: int) -> Cost:
    wall, processor = time.perf_counter(), time.process_time()
    step(num_blocks)
    return Cost(time.perf_counter() - wall, time.process_time() - processor)
