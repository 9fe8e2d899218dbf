"""The model and the training run of the `pretrain` stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range
from pipeline.settings.training import OptimizationParams, RuntimeParams


@dataclass(frozen=True, slots=True)
class ModelParams:
    """The shape of the decoder. Vocabulary and context length come from the packed tokens."""

    num_layers: Annotated[int, Range(1, 512)]
    width: Annotated[int, Range(32, 65_536)]
    num_heads: Annotated[int, Range(1, 512)]
    num_kv_heads: Annotated[int, Range(1, 512)]
    mlp_width: Annotated[int, Range(32, 262_144)]
    qk_norm: bool  # true: Qwen3 layout, false: Llama layout
    tied_embeddings: bool
    rope_theta: Annotated[float, Range(10.0, 100_000_000.0)]

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        if self.width % self.num_heads:
            yield f"width {self.width} must be a multiple of num_heads {self.num_heads}"
        elif self.width // self.num_heads % 2:
            yield f"width / num_heads must be even for rotary positions; it is {self.width // self.num_heads}"
        if self.num_heads % self.num_kv_heads:
            yield f"num_heads {self.num_heads} must be a multiple of num_kv_heads {self.num_kv_heads}"
        if self.width % 32 or self.mlp_width % 32:
            yield f"width {self.width} and mlp_width {self.mlp_width} must both be multiples of 32"


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
