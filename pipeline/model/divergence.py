"""How far another form of a model strays from the original, on the same blocks of tokens.

Shapes: B blocks, T tokens, D width, P predicted positions, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F

from pipeline.errors import NumericsError
from pipeline.model.batches import Batch
from pipeline.model.losses import IGNORED
from pipeline.model.transformer import Transformer

POSITIONS_AT_ONCE = 256  # whose scores are held at once
MAX_NATS = 700.0  # the exponential of more is no number


@dataclasses.dataclass(frozen=True, slots=True)
class Divergence:
    """Means and maxima over all predicted tokens."""

    tokens: int
    mean_kl: float  # nats per token, from the original's distribution to the other's
    max_logit_difference: float
    original_perplexity: float
    perplexity: float
    perplexity_change: float  # share of the original's


@dataclasses.dataclass(frozen=True, slots=True)
class _Sums:
    tokens: int
    kl: float
    original_nll: float
    nll: float
    max_logit_difference: float


@torch.inference_mode()
def compare(
    original: Transformer, other: Transformer, batches: Iterable[Batch], *, threads: int
) -> Divergence:
    """Runs both models over every batch, on so many CPU threads.

    NumericsError when a score is not finite or beyond use.
    """
    torch.set_num_threads(threads)
    parts = [part for batch in batches for part in _compare(original, other, batch)]
    tokens = sum(part.tokens for part in parts)
    kl, original_nll, nll = (
        math.fsum(getattr(part, name) for part in parts) / tokens for name in ("kl", "original_nll", "nll")
    )
    if not kl + original_nll + nll < MAX_NATS:
        raise NumericsError("a model gives useless scores on the validation blocks; train it again")
    return Divergence(
        tokens=tokens,
        mean_kl=max(kl, 0.0),
        max_logit_difference=max(part.max_logit_difference for part in parts),
        original_perplexity=math.exp(original_nll),
        perplexity=math.exp(nll),
        perplexity_change=math.expm1(nll - original_nll),
    )


def _compare(original: Transformer, other: Transformer, batch: Batch) -> Iterator[_Sums]:
    """The sums over one batch, some positions at a time; targets that do not count are left out."""
    predicted_BT = batch.targets_BT != IGNORED
    targets_P = batch.targets_BT[predicted_BT]
    hidden_PD, others_PD = (
        model.hidden(batch.tokens_BT, batch.documents_BT)[predicted_BT] for model in (original, other)
    )
    for start in range(0, len(targets_P), POSITIONS_AT_ONCE):
        some = slice(start, start + POSITIONS_AT_ONCE)
        logits_PV, other_PV = (
            original.logits(hidden_PD[some]).double(),
            other.logits(others_PD[some]).double(),
        )
        log_p_PV, log_q_PV = logits_PV.log_softmax(-1), other_PV.log_softmax(-1)
        yield _Sums(
            tokens=len(logits_PV),
            kl=float(F.kl_div(log_q_PV, log_p_PV, reduction="sum", log_target=True)),
            original_nll=float(F.nll_loss(log_p_PV, targets_P[some], reduction="sum")),
            nll=float(F.nll_loss(log_q_PV, targets_P[some], reduction="sum")),
            max_logit_difference=float((logits_PV - other_PV).abs().max()),
        )
