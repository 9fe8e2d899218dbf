"""How fast this machine trains and evaluates a model: a few steps of the real loop on made-up tokens.

What the tokens are does not change what a step costs, so nothing has to have run before.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline.model.averaging import WeightAverage
from pipeline.model.batches import BatchOrder, TokenBlocks, in_order
from pipeline.model.budget import MOST_STEPS
from pipeline.model.checkpoint import Progress, Snapshot, save_checkpoint
from pipeline.model.compiling import arrange_passes
from pipeline.model.config import ModelConfig
from pipeline.model.fitting import FittingParams
from pipeline.model.gradients import gradients_of
from pipeline.model.initialization import initialize
from pipeline.model.losses import Regularization
from pipeline.model.optimization import build_optimizers
from pipeline.model.runtime import start_runtime
from pipeline.model.training import summed_loss, train
from pipeline.model.transformer import Transformer
from pipeline.settings.finetune import FinetuneParams
from pipeline.settings.pretrain import PretrainParams
from pipeline.settings.training import OptimizationParams
from pipeline.stage import WORK_ROOT

WARMING_STEPS = 2  # the first ones allocate memory
DOCUMENT_TOKENS = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Speeds:
    """What was measured: seconds of a step of either training, of a token's evaluation, of a checkpoint."""

    pretrain_step: float
    finetune_step: float
    evaluated_token: float
    checkpoint: float


def speeds(config: ModelConfig, pretrain: PretrainParams, finetune: FinetuneParams, seconds: float) -> Speeds:
    """One process of the probe, which takes about so many seconds, more where a step takes long."""
    pretraining = (pretrain.batch_blocks, pretrain.unit_blocks, pretrain.micro_batch_blocks)
    tuning = (finetune.batch_rows, finetune.unit_rows, finetune.micro_batch_rows)
    items = made_up(config, blocks=max(64, pretrain.batch_blocks, finetune.batch_rows))
    trial = _Trial(config, items, pretraining, pretrain)
    step = trial.step_seconds(0.6 * seconds)
    token = trial.token_seconds(0.1 * seconds)
    checkpoint = trial.checkpoint_seconds()
    tuned_step = _Trial(config, items, tuning, finetune).step_seconds(0.3 * seconds)
    return Speeds(step, tuned_step, token, checkpoint)


def made_up(config: ModelConfig, *, blocks: int) -> TokenBlocks:
    """So many blocks of random tokens in documents of 200."""
    tokens = np.random.default_rng(0).integers(0, config.vocab_size, blocks * config.context_tokens + 1)
    tokens[tokens == config.pad_id] = config.eos_id
    tokens[::DOCUMENT_TOKENS] = config.bos_id
    return TokenBlocks(
        tokens.astype(np.uint32),
        block_tokens=config.context_tokens,
        bos_id=config.bos_id,
        pad_id=config.pad_id,
    )


class _Trial:
    """A training that is only timed: as `fitting` does it, without its gates."""

    def __init__(
        self, config: ModelConfig, items: TokenBlocks, sizes: tuple[int, int, int], params: FittingParams
    ) -> None:
        self.items, self.order = items, BatchOrder(len(items), *sizes, seed=0)
        self.params, self.runtime = params, start_runtime(params.runtime)
        self.model = Transformer(config)
        initialize(self.model, seed=0)
        arrange_passes(self.model.to(self.runtime.device), params.runtime)
        self.optimizers = build_optimizers(self.model, params.optimization, dtype=self.runtime.dtype)
        decay = params.optimization.ema_decay
        self.average = None if decay is None else WeightAverage(self.model, decay=decay)

    def step_seconds(self, seconds: float) -> float:
        """The median over as many steps as fit into the seconds, at least three."""
        steps = self._steps()
        for _ in range(WARMING_STEPS):
            next(steps)
        first = next(steps)
        times = [first, *itertools.islice(steps, self._agreed(seconds / first))]
        return statistics.median(times)

    def token_seconds(self, seconds: float) -> float:
        """The median over as many batches as fit into the seconds, at least three, for each position."""
        batches = itertools.cycle(in_order(self.items, self.order.unit_items))
        together = self.runtime.processes  # as many batches as keep all of them busy

        def timed() -> float:
            started = time.perf_counter()
            summed_loss(self.model, itertools.islice(batches, together), runtime=self.runtime)
            return time.perf_counter() - started

        timed()
        first = timed()
        times = [first, *(timed() for _ in range(self._agreed(seconds / first)))]
        positions = together * self.order.unit_items * self.items.block_tokens
        return statistics.median(times) / positions

    def checkpoint_seconds(self) -> float:
        """One checkpoint with everything in it, written where they are written."""
        weights = dict(self.model.state_dict())
        average = {} if self.average is None else self.average.weights
        snapshot = Snapshot(Progress(), weights, self.optimizers.tensors(), average, weights)
        spent = 0.0
        if self.runtime.rank == 0:
            WORK_ROOT.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=WORK_ROOT) as folder:
                started = time.perf_counter()
                save_checkpoint(Path(folder), snapshot, run="probe")
                spent = time.perf_counter() - started
        self.runtime.wait()
        return spent

    def _steps(self) -> Iterator[float]:
        """The seconds of one step after the other."""
        optimization = self.params.optimization
        gradients = gradients_of(
            self.model,
            self.items,
            self.order,
            runtime=self.runtime,
            regularization=Regularization(optimization.label_smoothing, optimization.z_loss),
        )
        started = time.perf_counter()
        endless = _Endless(optimization)
        for record in train(self.model, self.optimizers, gradients, start=Progress(), params=endless):
            if self.average is not None:
                self.average.update(updates=record.step)
            yield time.perf_counter() - started
            started = time.perf_counter()

    def _agreed(self, count: float) -> int:
        """The least of the processes' counts, at least 2: all must do the same."""
        mine = torch.tensor([max(2.0, count)], device=self.runtime.device)
        return int(self.runtime.gathered(mine).min())


@dataclasses.dataclass(frozen=True, slots=True)
class _Endless:
    """Training params without an end, whose learning rates hardly rise from zero."""

    optimization: OptimizationParams
    steps: int = MOST_STEPS
