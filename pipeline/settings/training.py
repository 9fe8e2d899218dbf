"""The parts of a training run that `pretrain` and `finetune` share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pipeline.params import Range

ScheduleKind = Literal["cosine", "linear", "wsd", "polynomial", "inverse_sqrt", "step", "constant"]
Share = Annotated[float, Range(0.0, 1.0)]


@dataclass(frozen=True, slots=True)
class ScheduleParams:
    """How the learning rates go over the steps: up to their peak, then as the kind says."""

    kind: ScheduleKind
    warmup_share: Share  # of all steps
    final_share: Share  # of the peak, at the last step; inverse_sqrt and step stay above it
    decay_share: Share  # of all steps: the last part, of wsd
    power: Annotated[float, Range(0.1, 10.0)]  # of polynomial; 1 is linear
    step_every_share: Annotated[float, Range(0.001, 1.0)]  # of all steps: between two falls of step
    step_factor: Share  # what each fall of step leaves


@dataclass(frozen=True, slots=True)
class WeightDecayParams:
    """Decoupled weight decay by kind of weight: a step takes learning rate times this away."""

    matrices: Share  # of the blocks
    embeddings: Share  # that are not tied to the head
    head: Share  # an embedding that is tied to it included
    norms: Share


@dataclass(frozen=True, slots=True)
class OptimizationParams:
    """Muon for matrices, AdamW for the rest; learning rates are peaks of one shared schedule."""

    optimizer: Literal["muon", "adamw"]  # adamw: every parameter
    muon_learning_rate: Share
    muon_momentum: Annotated[float, Range(0.0, 0.9999)]
    adamw_learning_rate: Share
    adamw_beta1: Annotated[float, Range(0.0, 0.9999)]
    adamw_beta2: Annotated[float, Range(0.0, 0.99999)]
    adamw_epsilon: Annotated[float, Range(1e-12, 0.1)]
    embedding_learning_rate: Annotated[float, Range(0.0, 10.0)]  # of an embedding that is not tied; AdamW
    weight_decay: WeightDecayParams
    schedule: ScheduleParams
    max_gradient_norm: Annotated[float, Range(0.0001, 1_000_000.0)]
    label_smoothing: Annotated[float, Range(0.0, 0.9)]  # share of each target that goes to all tokens alike
    z_loss: Annotated[float, Range(0.0, 1.0)]  # times ln(sum exp logits)^2, added to the loss
    ema_decay: Annotated[float, Range(0.0, 0.999999)] | None  # null: no average of the weights


@dataclass(frozen=True, slots=True)
class RuntimeParams:
    """What changes the bits of the sums (number format, order, threads) or the memory a step takes."""

    precision: Literal["auto", "bf16", "fp32"]  # auto: bf16 where the processor computes in it
    gradients: Literal["canonical", "fast"]  # canonical: the same bits on any number of processes
    threads: Annotated[int, Range(1, 1024)]  # CPU threads of one process; another number, other last bits
    gradient_checkpointing: bool  # true: each block's forward again in the backward pass, for less memory
    compile: bool  # true: blocks compiled by torch before the first step; other last bits
    sharded: bool  # true: each process holds a part of every weight and moment; fast gradients only

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        if self.sharded and self.gradients != "fast":
            yield f"sharded true needs gradients fast, not {self.gradients}: no process holds a whole sum"
        if self.sharded and self.compile:
            yield "sharded true needs compile false: weights are put together between the blocks' passes"
