"""How well a vocabulary fits its text: bytes per token, unused pieces, and whether all text survives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from pipeline.tokens.bpe import Tokenizer, encode_exactly
from pipeline.tokens.sampling import Text

LONGEST_PIECES = 20
EXAMPLES = 3
EXAMPLE_CHARS = 160


@dataclasses.dataclass(frozen=True, slots=True)
class SourceFertility:
    """The text of one source and the tokens it takes."""

    documents: int
    bytes: int
    tokens: int
    bytes_per_token: float


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """The beginning of a document and the pieces it is cut into."""

    id: str
    text: str
    pieces: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Fertility:
    """What was measured on documents that all came back from decoding as they were."""

    documents: int
    bytes: int
    tokens: int
    bytes_per_token: float
    byte_token_share: float  # tokens that are single bytes of characters without a piece
    unused_pieces: int  # pieces for text, single bytes aside, that no token used
    longest_pieces: list[str]
    by_source: dict[str, SourceFertility]
    examples: list[Example]


def measure(tokenizer: Tokenizer, texts: Iterable[Text]) -> Fertility:
    """Encodes and decodes every text. DataError naming the first one that does not come back as it was."""
    uses = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    counts: dict[str, _Counts] = {}
    examples: list[Example] = []
    for text in texts:
        ids = encode_exactly(tokenizer, [text])[0]
        uses += np.bincount(ids, minlength=tokenizer.vocab_size)
        counts.setdefault(text.source, _Counts()).add(size=len(text.text.encode()), tokens=len(ids))
        if len(examples) < EXAMPLES:
            examples.append(_example(tokenizer, text))
    by_source = {name: counts[name].fertility() for name in sorted(counts)}
    size, tokens = (sum(getattr(each, name) for each in by_source.values()) for name in ("bytes", "tokens"))
    words = [id for id in range(tokenizer.end_id + 1, tokenizer.vocab_size) if not tokenizer.is_byte(id)]
    return Fertility(
        documents=sum(each.documents for each in by_source.values()),
        bytes=size,
        tokens=tokens,
        bytes_per_token=size / tokens,
        byte_token_share=(tokens - int(uses[words].sum())) / tokens,
        unused_pieces=int((uses[words] == 0).sum()),
        longest_pieces=_longest([tokenizer.piece(id) for id in words]),
        by_source=by_source,
        examples=examples,
    )


@dataclasses.dataclass(slots=True)
class _Counts:
    documents: int = 0
    bytes: int = 0
    tokens: int = 0

    def add(self, *, size: int, tokens: int) -> None:
        self.documents += 1
        self.bytes += size
        self.tokens += tokens

    def fertility(self) -> SourceFertility:
        return SourceFertility(self.documents, self.bytes, self.tokens, self.bytes / self.tokens)


def _longest(pieces: list[str]) -> list[str]:
    return sorted(pieces, key=lambda piece: (-len(piece), piece))[:LONGEST_PIECES]


def _example(tokenizer: Tokenizer, text: Text) -> Example:
    start = text.text[:EXAMPLE_CHARS]
    return Example(text.id, start, [tokenizer.piece(id) for id in tokenizer.encode(start)])
