"""What a model must beat: counting tokens, counting pairs of tokens, and general compressors.

The token models see the train stream and are scored on the same tokens as the model; the compressors see the
held-out bytes alone. A result near a floor says that the model has learned little more than the floor knows.
"""

from __future__ import annotations

import dataclasses
import lzma
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import zstandard

COUNTED_TOKENS = 1 << 25  # of the train stream: bounds the memory to about 0.6 GB
END_OF_DOCUMENT = b"\0"  # stands for </s> in front of the compressors; cleaned text never holds it

Tokens = npt.NDArray[np.integer]


@dataclasses.dataclass(frozen=True, slots=True)
class TokenFloors:
    """Token counts of a train stream, ready to score others.

    `unigram_V` is the natural log-probability of each token. A pair of tokens is the code
    `first * V + second`; `codes`, shape (pairs,), holds the pairs that were seen, sorted, and `counts`, of
    the same shape, how often. `backoff_V` is the log-probability by the number of different tokens before,
    and `discount` what every seen pair gives up to it.
    """

    unigram_V: npt.NDArray[np.float64]
    codes: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    backoff_V: npt.NDArray[np.float64]
    discount: float


def count_tokens(stream: Tokens, *, vocab_size: int, bos_id: int) -> TokenFloors:
    """Counts the first COUNTED_TOKENS tokens of a stream of documents, each `<s> ... </s>`, at least one.

    Pairs are smoothed as interpolated Kneser-Ney does with one discount, n1 / (n1 + 2 n2) (Chen and Goodman,
    1998). What they fall back on has one added to every count, so that no probability is zero.
    """
    stream = stream[:COUNTED_TOKENS]
    codes, counts = np.unique(pair_codes(stream, vocab_size=vocab_size, bos_id=bos_id), return_counts=True)
    assert len(codes), "the train stream holds no pair of tokens"
    seconds = codes % vocab_size
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return TokenFloors(
        unigram_V=smoothed_log(np.bincount(seconds, weights=counts, minlength=vocab_size)),
        codes=codes,
        counts=counts,
        backoff_V=smoothed_log(np.bincount(seconds, minlength=vocab_size)),
        discount=once / (once + 2 * twice) if once else 0.5,
    )


def pair_codes(stream: Tokens, *, vocab_size: int, bos_id: int) -> npt.NDArray[np.int64]:
    """The codes `first * V + second` of neighbouring tokens within documents, in the stream's order.

    Shape (tokens less documents,) of a stream (tokens,): `<s>` begins a document and is never predicted.
    """
    codes = stream[:-1].astype(np.int64)
    codes *= vocab_size
    codes += stream[1:]
    inside: npt.NDArray[np.int64] = codes[stream[1:] != bos_id]
    return inside


def unigram_nll(floors: TokenFloors, documents: Iterable[Tokens]) -> float:
    """Nats that the unigram takes for every token but `<s>` of the documents."""
    return -sum(float(floors.unigram_V[tokens[1:]].sum()) for tokens in documents)


def bigram_nll(floors: TokenFloors, documents: Iterable[Tokens]) -> float:
    """Nats that the smoothed pairs take for every token but `<s>` of the documents."""
    vocab_size = len(floors.unigram_V)
    firsts = floors.codes // vocab_size
    total_V = np.bincount(firsts, weights=floors.counts, minlength=vocab_size)
    different_V = np.bincount(firsts, minlength=vocab_size)
    nll = 0.0
    for tokens in documents:
        first, second = tokens[:-1].astype(np.int64), tokens[1:].astype(np.int64)
        code = first * vocab_size + second
        place = np.minimum(np.searchsorted(floors.codes, code), len(floors.codes) - 1)
        count = np.where(floors.codes[place] == code, floors.counts[place], 0)
        seen = np.maximum(total_V[first], 1)
        given = np.where(total_V[first] > 0, floors.discount * different_V[first] / seen, 1.0)
        probability = np.maximum(count - floors.discount, 0) / seen + given * np.exp(floors.backoff_V[second])
        nll -= float(np.log(probability).sum())
    return nll


def smoothed_log(counts_V: npt.NDArray[np.integer] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The logarithm of each count's share after adding one to all."""
    shares_V: npt.NDArray[np.float64] = np.log((counts_V + 1.0) / (counts_V.sum() + len(counts_V)))
    return shares_V


def concatenated(texts: Sequence[str]) -> bytes:
    """The documents' UTF-8 bytes in order, each followed by END_OF_DOCUMENT where the model meets `</s>`."""
    return b"".join(text.encode("utf-8") + END_OF_DOCUMENT for text in texts)


def xz_bits(data: bytes) -> int:
    """The size in bits of what `xz -9` makes of the data."""
    return 8 * len(lzma.compress(data, preset=9))


def zstd_bits(data: bytes) -> int:
    """The size in bits of what `zstd -19` makes of the data."""
    return 8 * len(zstandard.ZstdCompressor(level=19).compress(data))
