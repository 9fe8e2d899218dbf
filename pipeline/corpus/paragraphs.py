"""Paragraphs: the parts of a text between blank lines, and the keys by which equal ones are known.

Two paragraphs are equal when their normalized texts are, as two documents are. Cleaning has made every line
end one character, so a blank line is nothing but white space between two of them.
"""

# K pairs of a document and a paragraph of it

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import read_table
from pipeline.corpus.shingles import Mask, Words64, digest, normalize_all
from pipeline.corpus.signing import KEYS, ROWS, batches, save
from pipeline.records import DOCUMENT_SCHEMA

_BLANK_LINES = re.compile(r"(\n\s*\n)")
_MOST_FOLDED = 3  # characters that folding its case makes of one, at most


@dataclass(frozen=True, slots=True)
class IndexTask:
    """One shard: the paragraphs of at least `min_chars` in documents of these sources go to its files,
    `prefix` with KEYS and ROWS.
    """

    shard: str
    prefix: str
    sources: tuple[str, ...]
    min_chars: int


@dataclass(frozen=True, slots=True)
class Indexed:
    """How many paragraphs of a shard are known by a key; those of one document that are equal count once."""

    paragraphs: int


@dataclass(frozen=True, slots=True)
class Parted:
    """The paragraphs of a text, and the blank lines after each; after the last one there are none.

    >>> parted("a\\n\\nb\\n \\n\\nc").paragraphs
    ('a', 'b', 'c')
    """

    paragraphs: tuple[str, ...]
    gaps: tuple[str, ...]

    def without(self, is_cut: Sequence[bool]) -> str:
        """The text without some of its paragraphs and the blank lines after each.

        >>> parted("a\\n\\nb\\n \\n\\nc").without([False, True, True])
        'a'
        """
        kept = [place for place, cut in enumerate(is_cut) if not cut]
        stretches = [self.paragraphs[place] + self.gaps[place] for place in kept]
        return "".join([*stretches[:-1], *(self.paragraphs[place] for place in kept[-1:])])


def parted(text: str) -> Parted:
    """The text at its blank lines."""
    pieces = _BLANK_LINES.split(text)
    return Parted(tuple(pieces[::2]), (*pieces[1::2], ""))


def keys_of(paragraphs: Sequence[str], *, min_chars: int) -> tuple[Mask, Words64]:
    """Which of the paragraphs have at least so many characters, and the keys of these, in order.

    Characters are those of the normalized text, so that equal paragraphs are of equal length.
    """
    may_be_long = [_may_be_long(each, min_chars) for each in paragraphs]
    is_long = np.array(may_be_long, dtype=np.bool_)
    normalized = normalize_all(list(itertools.compress(paragraphs, may_be_long)))
    lengths = [characters(each) for each in normalized]
    is_long[is_long] = [length >= min_chars for length in lengths]
    kept = [digest(each) for each, length in zip(normalized, lengths, strict=True) if length >= min_chars]
    return is_long, np.frombuffer(b"".join(kept), dtype=np.uint64)[::2]


def _may_be_long(paragraph: str, min_chars: int) -> bool:
    """Whether it could have so many characters when it is normalized."""
    length = len(paragraph)
    return length >= min_chars or (_MOST_FOLDED * length >= min_chars and not paragraph.isascii())


def characters(normalized: bytes) -> int:
    """The characters of a normalized text."""
    return len(normalized) if normalized.isascii() else len(normalized.decode())


def index_shard(task: IndexTask) -> Indexed:
    """Writes the keys of the paragraphs of one shard in ascending order, shape (1, K), and the rows of the
    documents that have them, shape (1, K).
    """
    table = read_table(Path(task.shard), schema=DOCUMENT_SCHEMA, columns=["source", "text"])
    own = np.flatnonzero(pc.is_in(table["source"], value_set=pa.array(task.sources, pa.string())))
    keys: list[Words64] = [np.empty(0, dtype=np.uint64)]
    rows = [np.empty(0, dtype=np.int64)]
    first = 0
    for texts in batches(table["text"].take(pa.array(own))):
        of_texts = [parted(text).paragraphs for text in texts]
        flat = [paragraph for paragraphs in of_texts for paragraph in paragraphs]
        is_long, found = keys_of(flat, min_chars=task.min_chars)
        text_of = np.repeat(np.arange(len(texts)), [len(paragraphs) for paragraphs in of_texts])
        keys.append(found)
        rows.append(own[first + text_of[is_long]])
        first += len(texts)
    every_key, every_row = np.concatenate(keys), np.concatenate(rows)
    order = np.lexsort((every_row, every_key))
    pairs = np.stack([every_key[order], every_row[order].astype(np.uint64)])
    is_first = np.append(pairs.shape[1] > 0, (pairs[:, 1:] != pairs[:, :-1]).any(axis=0))
    pairs = pairs[:, np.flatnonzero(is_first)]
    save(Path(task.prefix + KEYS), pairs[:1])
    save(Path(task.prefix + ROWS), pairs[1:].astype(np.uint32))
    return Indexed(pairs.shape[1])
