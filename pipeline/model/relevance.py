"""How much the question matters: what an answer costs behind its own question and behind another one.

A model that answers by rote, whatever it is asked, pays the same for both.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from pipeline.model.batches import in_order
from pipeline.model.conversations import PairIds, PairRows
from pipeline.model.runtime import Runtime
from pipeline.model.training import summed_loss
from pipeline.model.transformer import Transformer

MEASURED_PAIRS = 40  # of each kind
BATCH_ROWS = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Relevance:
    """Nats per token of the answers to some pairs, given their own question and given another pair's."""

    pairs: int
    tokens: int
    own_question: float
    other_question: float


def question_relevance(model: Transformer, held_out: PairRows, *, runtime: Runtime) -> dict[str, Relevance]:
    """The relevance of the question by its kind, and of all together under "all".

    Each answer meets the question of the next pair of its kind, the last one that of the first: a fixed
    derangement. Left out are pairs for which that question is the same or leaves no room for the answer, and
    kinds of a single pair.
    """
    found = {}
    for kind in sorted({pair.kind for pair in held_out.pairs}):
        pairs = with_other_questions(
            [pair for pair in held_out.pairs if pair.kind == kind], context_tokens=held_out.context_tokens
        )[:MEASURED_PAIRS]
        if pairs:
            found[kind] = _relevance(model, held_out, pairs, runtime=runtime)
    return found | ({"all": _together(list(found.values()))} if found else {})


def with_other_questions(pairs: Sequence[PairIds], *, context_tokens: int) -> list[tuple[PairIds, PairIds]]:
    """Each pair beside one of the next pair's question and its own answer."""
    found = []
    for pair, other in zip(pairs, [*pairs[1:], *pairs[:1]], strict=True):
        question = other.ids[: other.prompt_tokens]
        ids = question + pair.ids[pair.prompt_tokens :]
        if question != pair.ids[: pair.prompt_tokens] and len(ids) <= context_tokens + 1:
            found.append((pair, PairIds(ids, len(question), pair.kind)))
    return found


def _relevance(
    model: Transformer, held_out: PairRows, pairs: Sequence[tuple[PairIds, PairIds]], *, runtime: Runtime
) -> Relevance:
    own, other = (
        summed_loss(model, in_order(held_out.of(side), BATCH_ROWS), runtime=runtime)
        for side in zip(*pairs, strict=True)
    )
    assert own[1] == other[1], f"the same answers have {own[1]} and {other[1]} tokens"
    return Relevance(len(pairs), own[1], own[0] / own[1], other[0] / other[1])


def _together(parts: Sequence[Relevance]) -> Relevance:
    """The relevance of all parts, every token of an answer counting the same."""
    tokens = sum(part.tokens for part in parts)
    return Relevance(
        pairs=sum(part.pairs for part in parts),
        tokens=tokens,
        own_question=math.fsum(part.tokens * part.own_question for part in parts) / tokens,
        other_question=math.fsum(part.tokens * part.other_question for part in parts) / tokens,
    )
