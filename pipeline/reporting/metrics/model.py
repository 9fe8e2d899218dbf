"""What the report reads of the stages that work on models.

Each class is the part of a stage's metrics that the page shows; the stages write more.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.metrics.provenance import Provenance


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far quantized weights stray from the original on validation blocks; KL in nats per token."""

    tokens: int
    mean_kl: float
    perplexity_change: float


@dataclass(frozen=True, slots=True)
class QuantizedForm:
    """One quantized form of the tuned model."""

    bits: int
    group: int
    bytes: int
    divergence: Divergence


@dataclass(frozen=True, slots=True)
class Quantize:
    """The size of the tuned model's weights, and its quantized forms by name."""

    original_bytes: int
    formats: dict[str, QuantizedForm]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class GgufFile:
    """One GGUF file."""

    bytes: int
    bits_per_weight: float


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """The files of one model: sizes of its Hugging Face files by name, and its GGUF files by type.

    `not_exported` says why files are missing; the layout is None when all are.
    """

    layout: str | None
    huggingface_bytes: dict[str, int]
    gguf: dict[str, GgufFile]
    not_exported: str | None


@dataclass(frozen=True, slots=True)
class Export:
    """What other programs can open, by role of the model."""

    models: dict[str, ExportedModel]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Score:
    """How well a model predicts documents; the interval of the bits per byte needs two of them."""

    documents: int
    bytes: int
    tokens: int
    perplexity: float
    bits_per_byte: float
    bits_per_byte_low: float | None
    bits_per_byte_high: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The confidence interval of the bits per byte."""
        low, high = self.bits_per_byte_low, self.bits_per_byte_high
        return None if low is None or high is None else (low, high)


@dataclass(frozen=True, slots=True)
class Floors:
    """Bits per byte without a neural network."""

    unigram: float
    bigram: float
    xz_9: float
    zstd_19: float

    def named(self) -> dict[str, float]:
        """Each floor under the name a reader knows it by."""
        return {"xz -9": self.xz_9, "zstd -19": self.zstd_19, "bigram": self.bigram, "unigram": self.unigram}

    def best(self) -> tuple[str, float]:
        """Name and bits per byte of the lowest one."""
        return min(self.named().items(), key=lambda floor: floor[1])


@dataclass(frozen=True, slots=True)
class SplitScore:
    """One held-out split."""

    total: Score
    by_source: dict[str, Score]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a model made of a prompt; `stopped` is `end` or `limit`."""

    prompt: str
    text: str
    tokens: int
    stopped: str


@dataclass(frozen=True, slots=True)
class Evaluate:
    """One model's scores by split, and its samples; the floors by split are the base model's alone."""

    model: str
    role: str
    parameters: int
    splits: dict[str, SplitScore]
    floors: dict[str, Floors]
    samples: list[Sample]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class LossSummary:
    """The ends of one loss over a training, in nats per token."""

    first: float
    last: float
    best: float


@dataclass(frozen=True, slots=True)
class Gates:
    """What every training proves: its first loss is what its initialization implies (its distance from
    ln(vocabulary) is here), and later tokens move no logit.
    """

    first_loss_distance: float | None
    causality_leak: float


@dataclass(frozen=True, slots=True)
class Training:
    """How much a training learned from and how far it came."""

    steps: int
    tokens: int
    epochs: float
    skipped_steps: int
    spikes: int
    spike_steps: tuple[int, ...]
    best_step: int
    train_loss: LossSummary
    val_loss: LossSummary
    gates: Gates


@dataclass(frozen=True, slots=True)
class Pretrain:
    """The base model and its training."""

    parameters: int
    training: Training
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class PairAccount:
    """What became of the prompt/response pairs of one split."""

    found: int
    duplicates: int
    in_train: int
    over_limit: int
    too_long: int
    kept: int


@dataclass(frozen=True, slots=True)
class Relevance:
    """Nats per token of the answers to held-out pairs, given their own question and another one."""

    pairs: int
    tokens: int
    own_question: float
    other_question: float


@dataclass(frozen=True, slots=True)
class Finetune:
    """The tuned model, its training, the account of its pairs by split, and how much the question matters, by
    its kind.
    """

    parameters: int
    pairs: dict[str, PairAccount]
    relevance: dict[str, Relevance]
    training: Training
    provenance: Provenance
