"""What the report says about held-out documents: perplexity and bits per byte, by source, beside the floors.

Bits per byte divides by the bytes of the raw text in UTF-8, so tokenizers of any vocabulary compare. What is
divided is the negative log-likelihood of every token, `</s>` included: the end is part of a document too.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.model.bootstrap import ratio_interval
from pipeline.model.floors import (
    TokenFloors,
    Tokens,
    bigram_nll,
    concatenated,
    unigram_nll,
    xz_bits,
    zstd_bits,
)
from pipeline.model.perplexity import Surprise

MAX_EXPONENT = 700.0  # the exponential of more is no number


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """Sums over documents and what follows from them; `nll` is in nats. An interval needs two documents."""

    documents: int
    bytes: int
    tokens: int
    nll: float
    perplexity: float  # per token: exp(nll / tokens)
    bits_per_byte: float
    bits_per_byte_low: float | None
    bits_per_byte_high: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Floors:
    """Bits per byte of the same documents without a neural network."""

    unigram: float
    bigram: float
    xz_9: float
    zstd_19: float


@dataclasses.dataclass(frozen=True, slots=True)
class SplitScore:
    """One held-out split."""

    total: Score
    by_source: dict[str, Score]


@dataclasses.dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are taken: of how many resamplings, at which confidence (0 to 1), from which seed."""

    samples: int
    confidence: float
    seed: int


def split_score(
    surprise: Surprise, sources: Sequence[str], num_bytes: npt.NDArray[np.int64], *, bootstrap: Bootstrap
) -> SplitScore:
    """The score of a split's documents, all and by source; every argument has one entry per document."""
    return SplitScore(
        total=score_of(surprise, num_bytes, bootstrap=bootstrap),
        by_source=scores_by_source(surprise, sources, num_bytes, bootstrap=bootstrap),
    )


def scores_by_source(
    surprise: Surprise, sources: Sequence[str], num_bytes: npt.NDArray[np.int64], *, bootstrap: Bootstrap
) -> dict[str, Score]:
    """The score of each source's documents, by name; every argument has one entry per document."""
    owners = np.array(sources)
    return {
        str(source): score_of(
            Surprise(surprise.nll[owners == source], surprise.tokens[owners == source]),
            num_bytes[owners == source],
            bootstrap=bootstrap,
        )
        for source in np.unique(owners)
    }


def score_of(surprise: Surprise, num_bytes: npt.NDArray[np.int64], *, bootstrap: Bootstrap) -> Score:
    """The score of all the documents given, at least one; `num_bytes` holds the size of each one's text."""
    nll, tokens, size = math.fsum(surprise.nll), int(surprise.tokens.sum()), int(num_bytes.sum())
    interval = ratio_interval(
        surprise.nll / math.log(2),
        num_bytes,
        samples=bootstrap.samples,
        confidence=bootstrap.confidence,
        seed=bootstrap.seed,
    )
    low, high = interval or (None, None)
    return Score(
        documents=len(num_bytes),
        bytes=size,
        tokens=tokens,
        nll=nll,
        perplexity=math.exp(min(nll / tokens, MAX_EXPONENT)),
        bits_per_byte=bits_per_byte(nll, size),
        bits_per_byte_low=low,
        bits_per_byte_high=high,
    )


def floors_of(counted: TokenFloors, documents: Sequence[Tokens], texts: Sequence[str]) -> Floors:
    """What the documents, given as tokens and as text, cost without a model."""
    data = concatenated(texts)
    size = sum(len(text.encode("utf-8")) for text in texts)
    return Floors(
        unigram=bits_per_byte(unigram_nll(counted, documents), size),
        bigram=bits_per_byte(bigram_nll(counted, documents), size),
        xz_9=xz_bits(data) / size,
        zstd_19=zstd_bits(data) / size,
    )


def bits_per_byte(nll: float, size: int) -> float:
    """Nats over bytes as bits per byte."""
    return nll / math.log(2) / size
