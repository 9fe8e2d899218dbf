"""How well a vocabulary fits its text: bytes per token, unused pieces, and whether all text survives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import DataError
from pipeline.tokens.bpe import Tokenizer
from pipeline.tokens.encoding import Encoder

LISTED_PIECES = 20
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
    """What was measured on documents that all came back from decoding as they were.

    Text without a piece is spelled, one token a byte: a tokenizer without such tokens would lose it.
    """

    documents: int
    bytes: int
    tokens: int
    bytes_per_token: float
    byte_token_share: float  # tokens that spell a byte
    spelled_share: float  # bytes of the text that are spelled
    unused_pieces: int  # pieces for text, single bytes aside, that no token used
    unused_examples: list[str]
    longest_pieces: list[str]
    by_source: dict[str, SourceFertility]
    examples: list[Example]


def measure(tokenizer: Tokenizer, tables: Iterable[pa.Table]) -> Fertility:
    """Encodes every text of tables with id, source and text.

    DataError naming the first text that does not come back as it was, or when there is no text at all.
    """
    uses = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    counts: dict[str, _Counts] = {}
    examples: list[Example] = []
    encoder = Encoder(tokenizer)
    for table in tables:
        encoded = encoder.encode(table["id"], table["text"])
        uses += np.bincount(encoded.ids, minlength=tokenizer.vocab_size)
        sizes = pc.binary_length(table["text"]).to_numpy()
        for source in pc.unique(table["source"]).to_pylist():
            of_it = pc.equal(table["source"], source).to_numpy()
            counts.setdefault(source, _Counts()).add(sizes[of_it], encoded.num_tokens[of_it])
        for row in table.slice(0, EXAMPLES - len(examples)).to_pylist():
            examples.append(_example(tokenizer, row["id"], row["text"]))
    size, tokens = (sum(getattr(each, name) for each in counts.values()) for name in ("bytes", "tokens"))
    if not tokens:
        raise DataError("the sampled train documents hold no text to measure the tokenizer on")
    words = [id for id in range(tokenizer.end_id + 1, tokenizer.vocab_size) if not tokenizer.is_byte(id)]
    unused = [tokenizer.piece(id) for id in words if not uses[id]]
    spelled = tokens - int(uses[words].sum())
    return Fertility(
        documents=sum(each.documents for each in counts.values()),
        bytes=size,
        tokens=tokens,
        bytes_per_token=size / tokens,
        byte_token_share=spelled / tokens,
        spelled_share=spelled / size,
        unused_pieces=len(unused),
        unused_examples=_longest(unused),
        longest_pieces=_longest([tokenizer.piece(id) for id in words]),
        by_source={name: counts[name].fertility() for name in sorted(counts)},
        examples=examples,
    )


@dataclasses.dataclass(slots=True)
class _Counts:
    documents: int = 0
    bytes: int = 0
    tokens: int = 0

    def add(self, sizes: npt.NDArray[np.integer], tokens: npt.NDArray[np.integer]) -> None:
        self.documents += len(sizes)
        self.bytes += int(sizes.sum())
        self.tokens += int(tokens.sum())

    def fertility(self) -> SourceFertility:
        return SourceFertility(self.documents, self.bytes, self.tokens, self.bytes / max(self.tokens, 1))


def _longest(pieces: list[str]) -> list[str]:
    return sorted(pieces, key=lambda piece: (-len(piece), piece))[:LISTED_PIECES]


def _example(tokenizer: Tokenizer, name: str, text: str) -> Example:
    start = text[:EXAMPLE_CHARS]
    return Example(name, start, [tokenizer.piece(id) for id in tokenizer.encode(start)])
