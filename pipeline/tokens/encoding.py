"""A column of texts as token ids: many texts at once, and proof that not one byte of them is lost.

A BPE tokenizer only ever merges neighbours whose union is a piece. Where two neighbouring characters stand
side by side in no piece at all, no merge can reach across, and the text may be cut there: the ids of the
parts, one after the other, are the ids of the whole. Most parts are words and marks that occur again and
again, so each different one is encoded once and looked up from then on: about four times as fast as encoding
the text.

Of the other types whole texts are encoded: unigram weighs sums of logarithms, which round differently in
parts, and char and word are fast as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import DataError
from pipeline.tokens.bpe import Ids, Tokenizer
from pipeline.tokens.learning import RESERVED

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
_AT_ONCE = 1 << 16  # bytes, parts or tokens in the arrays of one pass: they stay in the processor's cache
_TOGETHER = 4096  # parts that are encoded in one call
_MOST_KNOWN = 500_000  # parts that are kept for the next column, some 100 MB


@dataclasses.dataclass(frozen=True, slots=True)
class Encoded:
    """The ids of several texts one after the other, int32, and how many of them are each text's."""

    ids: Ids
    num_tokens: Places


class Encoder:
    """Encodes columns of texts with one tokenizer, and proves every text it encodes.

    encoded = Encoder(tokenizer).encode(table["id"], table["text"])
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        pieces = [tokenizer.piece_bytes(id) for id in range(tokenizer.vocab_size)]
        self._pieces = _Rows(np.frombuffer(b"".join(pieces), np.uint8), _lengths(pieces))
        self._joins = _joins(self._pieces) if tokenizer.model_type == "bpe" else None
        self._mark = tokenizer.encode(RESERVED)
        self._can_mark = RESERVED.encode() not in self._pieces.flat.tobytes() and len(self._mark) == 3
        self._known: dict[str, int] = {}
        self._rows = _Rows(np.zeros(0, np.int32), np.zeros(0, np.int64))

    def encode(self, names: pa.ChunkedArray, texts: pa.ChunkedArray) -> Encoded:
        """The ids of every text. DataError with the name of the first text that they do not give back."""
        data, ends = _utf8(texts)
        if not len(data):
            return Encoded(np.zeros(0, np.int32), np.zeros(len(ends), np.int64))
        if self._joins is None:
            each = self._tokenizer.encode_many(texts.to_pylist())
            encoded = Encoded(np.concatenate(each), _lengths(each))
        else:
            encoded = self._in_parts(data, ends, joins=self._joins)
        wrong = self._first_altered(encoded, data, ends)
        if wrong is not None:
            raise DataError(
                f"document {names[wrong].as_py()}: comes back altered; if it holds U+2581, `clean` must "
                "replace it"
            )
        return encoded

    def _in_parts(self, data: Bytes, ends: Places, *, joins: npt.NDArray[np.bool_]) -> Encoded:
        """The ids of the texts that end at those bytes, by way of their different parts."""
        starts = _part_starts(data, ends, joins=joins)
        bounds = pa.py_buffer(np.append(starts, np.int32(len(data))))
        parts = pa.StringArray.from_buffers(len(starts), bounds, pa.py_buffer(data)).dictionary_encode()
        part_ids = self._numbers(parts.dictionary.to_pylist())[parts.indices.to_numpy()]
        rows = self._rows
        tokens_before = np.zeros(len(part_ids) + 1, np.int64)
        np.cumsum(rows.lengths[part_ids], out=tokens_before[1:])
        ids = np.empty(tokens_before[-1], np.int32)
        for start in range(0, len(part_ids), _AT_ONCE):
            taken = rows.joined(part_ids[start : start + _AT_ONCE])
            ids[tokens_before[start] :][: len(taken)] = taken
        return Encoded(ids, np.diff(tokens_before[np.searchsorted(starts, ends)], prepend=0))

    def _numbers(self, parts: list[str]) -> Places:
        """Which of the known rows holds the ids of each part, when those that are new have become known."""
        new = [part for part in parts if part not in self._known]
        if len(self._known) + len(new) > _MOST_KNOWN:
            self._known, new = {}, parts
            self._rows = _Rows(self._rows.flat[:0], self._rows.lengths[:0])
        first = len(self._known)
        for start in range(0, len(new), _TOGETHER):
            ids, lengths = self._encoded_together(new[start : start + _TOGETHER])
            flat = np.concatenate((self._rows.flat, ids))
            self._rows = _Rows(flat, np.concatenate((self._rows.lengths, lengths)))
        self._known |= {part: first + number for number, part in enumerate(new)}
        return np.fromiter(map(self._known.__getitem__, parts), np.int64, len(parts))

    def _encoded_together(self, parts: list[str]) -> tuple[Ids, Places]:
        """The ids of the parts one after the other, and how many each has.

        They are one text to SentencePiece, as each call costs more than a part, with a mark between them that
        no piece holds.
        """
        text = RESERVED.join(parts)
        if not self._can_mark or text.count(RESERVED) >= len(parts):
            each = self._tokenizer.encode_many(parts)
            return np.concatenate(each), _lengths(each)
        (ids,) = self._tokenizer.encode_many([text])
        first, second, third = self._mark
        marks = np.flatnonzero((ids[:-2] == first) & (ids[1:-1] == second) & (ids[2:] == third))
        ends = np.append(marks, len(ids))
        lengths = np.diff(ends, prepend=-3) - 3
        return np.delete(ids, np.concatenate((marks, marks + 1, marks + 2))), lengths

    def _first_altered(self, encoded: Encoded, data: Bytes, ends: Places) -> int | None:
        """The first text whose tokens do not have its very bytes, or None."""
        token_ends, place, last_text = np.cumsum(encoded.num_tokens), 0, len(ends) - 1
        for start in range(0, len(encoded.ids), _AT_ONCE):
            ids = encoded.ids[start : start + _AT_ONCE]
            found = self._pieces.joined(ids)
            wanted = data[place : place + len(found)]
            if not np.array_equal(found, wanted):
                differs = np.flatnonzero(found[: len(wanted)] != wanted)
                wrong = place + (differs[0] if len(differs) else len(wanted))
                return min(int(np.searchsorted(ends, wrong, side="right")), last_text)
            first, last = np.searchsorted(token_ends, (start, start + len(ids)), side="right")
            bytes_before = place + np.cumsum(self._pieces.lengths[ids])
            is_whole = bytes_before[token_ends[first:last] - start - 1] == ends[first:last]
            if not is_whole.all():
                return int(first + np.argmin(is_whole))
            place += len(found)
        return None if place == len(data) else int(np.searchsorted(ends, place, side="right"))


class _Rows:
    """Rows of different lengths that lie one after the other in `flat`."""

    def __init__(self, flat: npt.NDArray[np.integer], lengths: Places) -> None:
        self.flat, self.lengths = flat, lengths
        self.firsts = np.cumsum(lengths) - lengths

    def joined(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        """The rows of these numbers, one after the other."""
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        places = np.repeat(self.firsts[rows] - (ends - lengths), lengths)
        places += np.arange(len(places))
        joined: npt.NDArray[np.integer] = self.flat[places]
        return joined


def _lengths(rows: Sequence[bytes] | Sequence[Ids]) -> Places:
    return np.fromiter(map(len, rows), np.int64, len(rows))


def _joins(pieces: _Rows) -> npt.NDArray[np.bool_]:
    """Whether a text must not be cut between two bytes, by their pair: `second << 8 | first`.

    It must not where they are neighbours in a piece or the second one goes on with a character.
    """
    joins = np.zeros((256, 256), np.bool_)
    joins[0x80:0xC0] = True  # the second to fourth byte of a character
    inside = np.ones(len(pieces.flat), np.bool_)
    inside[pieces.firsts[pieces.lengths > 0]] = False
    seconds = np.flatnonzero(inside)
    joins[pieces.flat[seconds], pieces.flat[seconds - 1]] = True
    return joins.reshape(-1)


def _part_starts(data: Bytes, ends: Places, *, joins: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Where the parts of the texts begin: at each text, and wherever a text may be cut."""
    is_start = np.ones(len(data), np.bool_)
    pairs = np.ndarray(len(data) - 1, np.dtype("<u2"), np.ascontiguousarray(data), strides=(1,))
    for start in range(0, len(pairs), _AT_ONCE):
        np.logical_not(joins[pairs[start : start + _AT_ONCE]], out=is_start[start + 1 : start + 1 + _AT_ONCE])
    is_start[ends[ends < len(data)]] = True
    return np.flatnonzero(is_start).astype(np.int32)


def _utf8(texts: pa.ChunkedArray) -> tuple[Bytes, Places]:
    """The UTF-8 of all texts, one after the other, and where each of them ends."""
    array = texts.combine_chunks()
    if not len(array):
        return np.zeros(0, np.uint8), np.zeros(0, np.int64)
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4).astype(np.int64)
    whole = np.frombuffer(data or b"", np.uint8)
    return whole[bounds[0] : bounds[-1]], bounds[1:] - bounds[0]
