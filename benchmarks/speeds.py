"""Tokens per second of training, peers and this project in turns, so that noise of the machine hits all.

One step each a round. The first warms up and is not counted; but a contender that takes over SLOW times as
long in it as the fastest peer keeps that time and is not run again (bf16 on a processor without instructions
for it). Ratios are medians over the rounds of two times of the same round.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from benchmarks.ours import default_params, new_model, shaped, training
from benchmarks.peers import Shape, contenders
from pipeline.model.batches import TokenBlocks
from pipeline.model.runtime import Runtime, start_runtime
from pipeline.tokens.bpe import CONTROLS, Tokenizer

ROUNDS = 7
SLOW = 3.0
THREADS = 2
BATCHES = 4  # of random tokens: text would not change the time
ADAMW_RATE = 0.003  # what params.yaml names for AdamW alone
OURS = {"adamw": "gristmill, AdamW", "muon": "gristmill, Muon"}


@dataclasses.dataclass(frozen=True, slots=True)
class Speeds:
    """Seconds of each round's step by contender, in a run at one shape."""

    shape: Shape
    parameters: int  # of ours
    seconds: dict[str, list[float]]  # one entry only: too slow to go on

    @property
    def fastest_peer(self) -> str:
        """The peer of the lowest median."""
        peers = self.seconds.keys() - set(OURS.values())
        return min(peers, key=lambda name: statistics.median(self.seconds[name]))

    def ratio(self, name: str) -> float:
        """How many times the tokens per second of the fastest peer."""
        peer, own = self.seconds[self.fastest_peer], self.seconds[name]
        if len(own) == 1:
            return statistics.median(peer) / own[0]
        return statistics.median(theirs / ours for theirs, ours in zip(peer, own, strict=True))

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Tokens per second of all, fastest first."""
        tokens = self.shape.batch * self.shape.context
        for name, seconds in sorted(self.seconds.items(), key=lambda item: statistics.median(item[1])):
            speed = f"{tokens / statistics.median(seconds):,.0f}"
            yield name, speed, f"{self.ratio(name):.2f}", str(len(seconds))


HEAD = ("contender", "tokens/s", "of the fastest peer", "steps timed")


def speeds(shape: Shape) -> Speeds:
    """Times all contenders at a shape on THREADS threads."""
    runtime = start_runtime(dataclasses.replace(default_params().runtime, threads=THREADS))
    ids = np.random.default_rng(1).integers(
        len(CONTROLS), shape.vocab_size, BATCHES * shape.batch * shape.context + 1
    )
    blocks = TokenBlocks(ids, block_tokens=shape.context, bos_id=Tokenizer.bos_id, pad_id=Tokenizer.pad_id)
    steps: dict[str, Callable[[], None]] = {}
    parameters = 0
    for optimizer, name in OURS.items():
        steps[name], parameters = _ours(shape, optimizer, blocks, runtime)
    steps |= _peers(shape, blocks)
    first = {name: _seconds(step) for name, step in steps.items()}
    limit = SLOW * min(first[name] for name in first.keys() - set(OURS.values()))
    going = [name for name in steps if first[name] <= limit]
    seconds: dict[str, list[float]] = {name: [] for name in going}
    for _ in range(ROUNDS):
        for name in going:
            seconds[name].append(_seconds(steps[name]))
    return Speeds(shape, parameters, {name: seconds.get(name, [first[name]]) for name in steps})


def _ours(
    shape: Shape, optimizer: str, blocks: TokenBlocks, runtime: Runtime
) -> tuple[Callable[[], None], int]:
    """One step of the training that `pretrain` runs, head tied as in the peers; and its parameters."""
    params = shaped(default_params(), shape, steps=1000)
    rates = {"embedding_learning_rate": ADAMW_RATE, "adamw_learning_rate": ADAMW_RATE}
    params = dataclasses.replace(
        params,
        model=dataclasses.replace(params.model, tied_embeddings=True),
        optimization=dataclasses.replace(params.optimization, optimizer=optimizer, **rates),
    )
    model = new_model(params, vocab_size=shape.vocab_size, context=shape.context)
    records = training(model, blocks, params, runtime)

    def step() -> None:
        torch.use_deterministic_algorithms(True)
        next(records)

    return step, sum(weight.numel() for weight in model.parameters())


def _peers(shape: Shape, blocks: TokenBlocks) -> dict[str, Callable[[], None]]:
    """Their steps on the same blocks, with the algorithms that torch takes when nothing is asked of it."""

    def on_blocks(step: Callable[[torch.Tensor, torch.Tensor], None]) -> Callable[[], None]:
        turn = 0

        def once() -> None:
            nonlocal turn
            torch.use_deterministic_algorithms(False)
            first = turn % BATCHES * shape.batch
            turn += 1
            batch = blocks.batch(range(first, first + shape.batch))
            step(batch.tokens_BT, batch.targets_BT.contiguous())

        return once

    return {name: on_blocks(step) for name, step in contenders(shape).items()}


def _seconds(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
