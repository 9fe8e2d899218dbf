"""Scores: bits per byte of the raw text, by source, with sums that add up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.model.floors import count_tokens
from pipeline.model.perplexity import Surprise
from pipeline.model.scores import Bootstrap, floors_of, score_of, scores_by_source

BOOTSTRAP = Bootstrap(samples=100, confidence=0.95, seed=1)
SURPRISE = Surprise(np.array([10.0, 20.0, 30.0, 25.0]), np.array([4, 8, 10, 10]))
BYTES = np.array([12, 30, 41, 40])


def test_a_score_follows_from_its_sums() -> None:
    score = score_of(SURPRISE, BYTES, bootstrap=BOOTSTRAP)
    assert (score.documents, score.bytes, score.tokens, score.nll) == (4, 123, 32, 85.0)
    assert score.perplexity == pytest.approx(math.exp(85 / 32))
    assert score.bits_per_byte == pytest.approx(85 / 123 / math.log(2))
    assert score.bits_per_byte_low is not None
    assert score.bits_per_byte_high is not None
    assert score.bits_per_byte_low < score.bits_per_byte < score.bits_per_byte_high


def test_sources_add_up_to_the_whole() -> None:
    parts = scores_by_source(SURPRISE, ["b", "a", "b", "b"], BYTES, bootstrap=BOOTSTRAP)
    assert list(parts) == ["a", "b"]
    assert [parts["a"].nll, parts["b"].nll] == [20.0, 65.0]
    assert parts["a"].documents + parts["b"].documents == 4
    assert parts["a"].bits_per_byte_low is None


def test_a_hopeless_model_still_has_a_finite_perplexity() -> None:
    hopeless = Surprise(np.array([1e6]), np.array([2]))
    assert math.isfinite(score_of(hopeless, np.array([9]), bootstrap=BOOTSTRAP).perplexity)


def test_floors_divide_by_the_bytes_of_the_text_alone() -> None:
    train = np.array([1, 4, 5, 2, 1, 4, 4, 2])
    counted = count_tokens(train, vocab_size=6, bos_id=1)
    texts = ["ab" * 50, "é" * 50]
    floors = floors_of(counted, [np.array([1, 4, 5, 2]), np.array([1, 5, 2])], texts)
    nats = -float(counted.unigram_V[[4, 5, 2, 5, 2]].sum())
    assert floors.unigram == pytest.approx(nats / math.log(2) / 200)
    assert floors.bigram > 0
    assert 0 < floors.zstd_19 < floors.xz_9 < 8
