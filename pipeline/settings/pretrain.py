"""The training run of the `pretrain` stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range
from pipeline.settings.model import ModelParams
from pipeline.settings.training import OptimizationParams, RuntimeParams


@dataclass(frozen=True, slots=True)
class PretrainParams:
    """One training run: `steps` updates, each of `batch_blocks` blocks."""

    model: ModelParams
    optimization: OptimizationParams
    runtime: RuntimeParams
    steps: Annotated[int, Range(1, 100_000_000)]
    batch_blocks: Annotated[int, Range(1, 1_000_000)]  # blocks per update, over all processes
    unit_blocks: Annotated[int, Range(1, 1_000_000)]  # blocks per backward pass of canonical gradients
    micro_batch_blocks: Annotated[int, Range(1, 1_000_000)]  # blocks per backward pass of fast ones
    evaluate_every_steps: Annotated[int, Range(1, 100_000_000)]
    checkpoint_every_steps: Annotated[int, Range(1, 100_000_000)]
    seed: Annotated[int, Range(0, 2**31 - 1)]

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        for name in ("unit_blocks", "micro_batch_blocks"):
            if self.batch_blocks % getattr(self, name):
                yield f"batch_blocks {self.batch_blocks} must be a multiple of {name} {getattr(self, name)}"
