"""Prompt/response pairs as ids, and rows of the context's length that hold several of them.

A pair is the ids of `<s><|user|>prompt<|end|><|assistant|>response<|end|>`, without spaces in between; only
the response and the <|end|> behind it are learned. The pairs of a row do not see one another.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Set

import numpy as np
import numpy.typing as npt
import torch

from pipeline.model.batches import Batch
from pipeline.model.losses import IGNORED


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Pair:
    """What a person says and what the model is to answer; `kind` says what the question is after."""

    prompt: str
    response: str
    kind: str


@dataclasses.dataclass(frozen=True, slots=True)
class ChatIds:
    """The control ids around prompt and response."""

    bos_id: int
    user_id: int
    assistant_id: int
    end_id: int
    pad_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class PairLimits:
    """How many pairs are taken, how long each may be, and which ones if there are more."""

    most_pairs: int
    context_tokens: int
    seed: int


@dataclasses.dataclass(frozen=True, slots=True)
class PairAccount:
    """What became of the pairs of one split: found is the sum of the others."""

    found: int
    duplicates: int
    in_train: int  # validation pairs whose prompt is one of the train split
    over_limit: int
    too_long: int  # the prompt fills the context
    kept: int


@dataclasses.dataclass(frozen=True, slots=True)
class PairIds:
    """One encoded pair; the first `prompt_tokens` ids are not learned."""

    ids: tuple[int, ...]
    prompt_tokens: int
    kind: str


class PairRows:
    """Encoded pairs as training items: as many to a row as fit into the context, in their order."""

    def __init__(self, pairs: Sequence[PairIds], *, context_tokens: int, pad_id: int) -> None:
        self.pairs, self.context_tokens, self.pad_id = pairs, context_tokens, pad_id
        self.rows = list(_filled(pairs, context_tokens))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sha256(self) -> str:
        """Identifies all pairs and their order."""
        return hashlib.sha256(repr(self.pairs).encode()).hexdigest()

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The rows of these numbers, in this order, filled up with `pad_id` to the longest of them."""
        chosen = [self.rows[number] for number in numbers]
        shape = (len(chosen), max(sum(map(_inputs, row)) for row in chosen))
        tokens_BT, targets_BT = torch.full(shape, self.pad_id), torch.full(shape, IGNORED)
        documents_BT = torch.zeros(shape, dtype=torch.long)
        for row, pairs in enumerate(chosen):
            start = 0
            for document, pair in enumerate(pairs, start=1):
                ids, end = torch.tensor(pair.ids), start + _inputs(pair)
                tokens_BT[row, start:end] = ids[:-1]
                targets_BT[row, start + pair.prompt_tokens - 1 : end] = ids[pair.prompt_tokens :]
                documents_BT[row, start:end] = document
                start = end
        return Batch(tokens_BT, targets_BT, documents_BT)

    def of(self, pairs: Sequence[PairIds]) -> PairRows:
        """Rows of other pairs, otherwise like these."""
        return PairRows(pairs, context_tokens=self.context_tokens, pad_id=self.pad_id)


def prepared(
    pairs: Sequence[Pair],
    encode: Callable[[Sequence[str]], Sequence[Sequence[int] | npt.NDArray[np.integer]]],
    *,
    chat: ChatIds,
    limits: PairLimits,
    known: Set[str] = frozenset(),
) -> tuple[PairRows, PairAccount]:
    """At most so many of the distinct pairs, in an order that follows from the seed alone, as ids.

    `encode` gives the ids of each of many texts. A pair is cut to the context. One whose prompt is among
    `known`, or leaves no room to answer, is left out.
    """
    distinct = sorted(set(pairs), key=lambda pair: (text_hash(f"{limits.seed}\0{pair.prompt}"), pair))
    fresh = [pair for pair in distinct if pair.prompt not in known]
    chosen, kept = fresh[: limits.most_pairs], []
    texts = encode([text for pair in chosen for text in (pair.prompt, pair.response)])
    for pair, asked, answered in zip(chosen, texts[::2], texts[1::2], strict=True):
        prompt = (chat.bos_id, chat.user_id, *map(int, asked), chat.end_id, chat.assistant_id)
        ids = (*prompt, *map(int, answered), chat.end_id)[: limits.context_tokens + 1]
        if len(ids) > len(prompt):
            kept.append(PairIds(ids, len(prompt), pair.kind))
    account = PairAccount(
        found=len(pairs),
        duplicates=len(pairs) - len(distinct),
        in_train=len(distinct) - len(fresh),
        over_limit=max(0, len(fresh) - limits.most_pairs),
        too_long=min(len(fresh), limits.most_pairs) - len(kept),
        kept=len(kept),
    )
    return PairRows(kept, context_tokens=limits.context_tokens, pad_id=chat.pad_id), account


def text_hash(text: str) -> int:
    """64 bits that follow from the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _inputs(pair: PairIds) -> int:
    """How many tokens of a row the pair takes: its last id is only predicted."""
    return len(pair.ids) - 1


def _filled(pairs: Iterable[PairIds], context_tokens: int) -> Iterator[tuple[PairIds, ...]]:
    """The pairs in rows of at most `context_tokens` tokens; each row takes the next ones that fit."""
    row: list[PairIds] = []
    for pair in pairs:
        if row and sum(map(_inputs, row)) + _inputs(pair) > context_tokens:
            yield tuple(row)
            row = []
        row.append(pair)
    if row:
        yield tuple(row)
