"""The parts of a training run that `pretrain` and `finetune` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pipeline.params import Range


@dataclass(frozen=True, slots=True)
class OptimizationParams:
    """Muon for matrices, AdamW for the rest; learning rates are peaks of one shared schedule."""

    optimizer: Literal["muon", "adamw"]  # adamw: every parameter
    muon_learning_rate: Annotated[float, Range(0.0, 1.0)]
    adamw_learning_rate: Annotated[float, Range(0.0, 1.0)]
    embedding_learning_rate: Annotated[float, Range(0.0, 10.0)]  # of an embedding that is not tied; AdamW
    weight_decay: Annotated[float, Range(0.0, 1.0)]  # of matrices only
    warmup_share: Annotated[float, Range(0.0, 1.0)]  # share of all steps
    schedule: Literal["cosine", "linear", "wsd", "constant"]
    final_learning_rate_share: Annotated[float, Range(0.0, 1.0)]  # of the peak, at the last step
    max_gradient_norm: Annotated[float, Range(0.0001, 1_000_000.0)]


@dataclass(frozen=True, slots=True)
class RuntimeParams:
    """What changes the bits of the sums: number format, their order and threads."""

    precision: Literal["auto", "bf16", "fp32"]  # auto: bf16 where the processor computes in it
    gradients: Literal["canonical", "fast"]  # canonical: the same bits on any number of processes
    threads: Annotated[int, Range(1, 1024)]  # CPU threads of one process; another number, other last bits
