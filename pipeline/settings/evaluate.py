"""What the `evaluate` stage measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range


@dataclass(frozen=True, slots=True)
class EvaluateParams:
    """Perplexity over held-out documents, its confidence interval, and samples."""

    stride_tokens: Annotated[int, Range(1, 1_048_576)]  # how far the window moves, at most the context length
    max_documents: Annotated[int, Range(1, 100_000_000)]  # per split, the first of its shuffled stream
    bootstrap_samples: Annotated[int, Range(10, 1_000_000)]
    confidence: Annotated[float, Range(0.5, 0.999)]
    prompts: Annotated[tuple[Annotated[str, Range(1, 2000)], ...], Range(0, 50)]  # for base models
    questions: Annotated[tuple[Annotated[str, Range(1, 2000)], ...], Range(0, 50)]  # for tuned models
    sample_tokens: Annotated[int, Range(1, 4096)]
    temperature: Annotated[float, Range(0.0, 10.0)]  # 0: greedy
    top_k: Annotated[int, Range(0, 1_000_000)]  # 0: no limit
    threads: Annotated[int, Range(1, 1024)]
    seed: Annotated[int, Range(0, 2**31 - 1)]
