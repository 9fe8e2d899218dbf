"""The floors: probabilities that sum to one, and the sizes that xz and zstd themselves report."""

from __future__ import annotations

import lzma
import math

import numpy as np
import numpy.typing as npt
import pytest
import zstandard

from pipeline.model import floors
from pipeline.model.floors import bigram_nll, concatenated, count_tokens, pair_codes, unigram_nll

VOCAB_SIZE = 30
BOS, EOS = 1, 2


def stream(*, documents: int, seed: int) -> npt.NDArray[np.uint16]:
    """Documents in which token n is mostly followed by n + 1; the last five ids never occur."""
    random = np.random.default_rng(seed)
    pieces: list[int] = []
    for _ in range(documents):
        token, length = int(random.integers(4, 25)), int(random.integers(2, 30))
        pieces.append(BOS)
        for _ in range(length):
            pieces.append(token)
            token = int(random.integers(4, 25)) if random.random() < 0.2 else 4 + (token - 3) % 21
        pieces.append(EOS)
    return np.array(pieces, dtype=np.uint16)


@pytest.mark.parametrize("first", [BOS, 7, 24, 28])
def test_pair_probabilities_sum_to_one_after_any_token(first: int) -> None:
    counted = count_tokens(stream(documents=30, seed=1), vocab_size=VOCAB_SIZE, bos_id=BOS)
    nats = [bigram_nll(counted, [np.array([first, second])]) for second in range(VOCAB_SIZE)]
    assert sum(math.exp(-each) for each in nats) == pytest.approx(1.0)
    assert min(nats) >= 0


def test_unigram_probabilities_sum_to_one() -> None:
    counted = count_tokens(stream(documents=30, seed=1), vocab_size=VOCAB_SIZE, bos_id=BOS)
    assert np.exp(counted.unigram_V).sum() == pytest.approx(1.0)
    nats = unigram_nll(counted, [np.array([BOS, 5, 6]), np.array([BOS, 7])])
    assert nats == pytest.approx(-counted.unigram_V[[5, 6, 7]].sum())


def test_pairs_beat_single_tokens_where_order_matters() -> None:
    counted = count_tokens(stream(documents=200, seed=1), vocab_size=VOCAB_SIZE, bos_id=BOS)
    held_out = [stream(documents=1, seed=seed) for seed in range(2, 20)]
    assert bigram_nll(counted, held_out) < 0.8 * unigram_nll(counted, held_out)


def test_a_pair_is_never_counted_across_two_documents() -> None:
    codes = pair_codes(np.array([BOS, 5, EOS, BOS, 6, EOS]), vocab_size=10, bos_id=BOS)
    assert codes.tolist() == [15, 52, 16, 62]


def test_only_the_beginning_of_a_long_train_stream_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floors, "COUNTED_TOKENS", 100)
    long, short = (
        count_tokens(stream(documents=30, seed=1)[:size], vocab_size=VOCAB_SIZE, bos_id=BOS)
        for size in (200, 100)
    )
    assert (long.codes == short.codes).all()
    assert (long.unigram_V == short.unigram_V).all()


def test_compressors_see_every_byte_and_where_documents_end() -> None:
    texts = ["über\n", "", "naïve " * 50]
    data = concatenated(texts)
    assert data.decode().split("\0") == [*texts, ""]
    assert floors.xz_bits(data) == 8 * len(lzma.compress(data, preset=9))
    assert floors.zstd_bits(data) < 8 * len(data) / 3
    assert zstandard.decompress(zstandard.ZstdCompressor(level=19).compress(data)) == data
