"""How far one model strays from another."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from pipeline.errors import NumericsError
from pipeline.model.batches import Batch, TokenBlocks
from pipeline.model.divergence import compare
from tests.model.exports import small_model


def batches() -> list[Batch]:
    stream = np.random.default_rng(1).integers(7, 800, 200).astype(np.uint16)
    stream[[0, 50, 51, 120]] = 1
    blocks = TokenBlocks(stream, block_tokens=64, bos_id=1, pad_id=3)
    return [blocks.batch([number]) for number in range(len(blocks))]


def test_a_model_does_not_stray_from_itself() -> None:
    model = small_model("qwen3")
    found = compare(model, model, batches(), threads=1)
    assert (found.mean_kl, found.max_logit_difference, found.perplexity_change) == (0.0, 0.0, 0.0)
    assert found.tokens == 199 - 3  # the first <s> is given, the other three are not predicted


def test_figures_are_those_of_the_definitions() -> None:
    model = small_model("llama")
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.model.norm.weight.mul_(1.1)
    batch = batches()[1]
    found = compare(model, other, [batch], threads=1)
    with torch.inference_mode():
        counts = batch.targets_BT >= 0
        logits, others = (
            each(batch.tokens_BT, batch.documents_BT)[counts].double() for each in (model, other)
        )
        p, q = logits.softmax(-1), others.softmax(-1)
        targets = batch.targets_BT[counts]
        kl = (p * (p / q).log()).sum(-1).mean()
        perplexity = math.exp(-q[torch.arange(len(targets)), targets].log().mean())
    assert found.mean_kl == pytest.approx(float(kl), rel=1e-6)
    assert found.perplexity == pytest.approx(perplexity, rel=1e-6)
    assert found.perplexity_change == pytest.approx(
        found.perplexity / found.original_perplexity - 1, rel=1e-6
    )
    assert found.max_logit_difference == pytest.approx(float((logits - others).abs().max()))


def test_a_model_with_useless_scores_is_refused() -> None:
    model = small_model("qwen3")
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.lm_head.weight.mul_(1e5)
    with pytest.raises(NumericsError, match="useless scores"):
        compare(model, broken, batches(), threads=1)
