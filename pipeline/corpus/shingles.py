"""Documents as sets of word shingles: n consecutive words, each set as sorted 32-bit hashes.

A word is a run of letters and digits; punctuation does not count, so that the same text with other
quotation marks is the same. In scripts written without spaces (Chinese characters and kana) every character
is a word. A text of fewer words than a shingle is one shingle, and a text without any word is one word.

All words of a batch of texts are hashed at once: with c its bytes and B a fixed odd base, the prefix sums
H[i] = sum of c[j] * B^j for j < i give the hash of any byte range as (H[end] - H[start]) * B^-start mod 2^64
(Karp and Rabin 1987). Python touches each text only to normalize it, not each word.
"""

# Of a batch of texts: N documents, C bytes, W words, S shingles

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BASE = 0x9E3779B97F4A7C15
_USUAL_BITS = 20  # the powers for batches of up to 1 MiB are computed once
_STEP = 0xD6E8FEB86659FD93
_SPACES = b"\t\n\v\f\r\x1c\x1d\x1e\x1f"
_FOLDED = bytes.maketrans(_SPACES, b" " * len(_SPACES)).lower()
_FOREIGN_SPACE = re.compile("[\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_WORD_BYTES = bytes(byte >= 0x80 or chr(byte).isalnum() for byte in range(256))
_UNSPACED_FIRST, _UNSPACED_LAST = 0xE3, 0xE9  # the first of three bytes in UTF-8: U+3000 to U+9FFF

Words64 = npt.NDArray[np.uint64]
Words32 = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """The shingle sets of N documents, none empty; set i is `hashes[starts[i]:starts[i + 1]]`, ascending."""

    hashes: Words32  # S
    starts: Places  # N + 1

    def sizes(self) -> Places:
        """How many distinct shingles each document has, shape (N,)."""
        return np.diff(self.starts)


def normalize(text: str) -> bytes:
    """The form in which texts are compared, in UTF-8: `" The  CAT\\n"` and `"the cat"` are the same text."""
    return " ".join(text.casefold().split()).encode()


def normalize_all(texts: Sequence[str]) -> list[bytes]:
    """`normalize` of each text, four times as fast for many at once."""
    folded = [_folded(text) for text in texts]
    data = np.frombuffer(b" ".join([b"", *folded, b""]).translate(_FOLDED), dtype=np.uint8)
    kept = data != ord(" ")
    kept[1:] |= kept[:-1].copy()  # of white space the first character, that after the last word included
    single = data[kept].tobytes()
    begins = np.cumsum([1, *(len(text) + 1 for text in folded)])[:-1]
    lengths = np.add.reduceat(kept.view(np.uint8), begins, dtype=np.int64) if texts else begins
    ends = np.append(0, np.cumsum(lengths)).tolist()
    return [single[start : max(start, end - 1)] for start, end in itertools.pairwise(ends)]


def digest(normalized: bytes) -> bytes:
    """16 bytes that tell normalized texts apart."""
    return hashlib.blake2b(normalized, digest_size=16).digest()


def _folded(text: str) -> bytes:
    """The text in which nothing is left to fold but ASCII letters and ASCII white space."""
    if text.isascii():
        return text.encode()
    return _FOREIGN_SPACE.sub(" ", text.casefold()).encode()


def shingle_sets(texts: Sequence[bytes], *, words: int) -> ShingleSets:
    """The sets of shingles of `words` words of normalized texts.

    >>> sets = shingle_sets([b"a rose is a rose is a rose", b"a rose"], words=3)
    >>> sets.sizes().tolist()  # "a rose is", "rose is a", "is a rose"; "a rose"
    [3, 1]
    """
    words_hashed, first_words = _hashed_words(texts)
    document_of, hashes = _shingles(words_hashed, first_words, words)
    keys = np.sort((document_of << np.uint64(32)) | (hashes >> np.uint64(32)))
    keys = keys[np.append(True, keys[1:] != keys[:-1])]
    set_starts = np.searchsorted(keys >> np.uint64(32), np.arange(len(texts) + 1, dtype=np.uint64))
    return ShingleSets(keys.astype(np.uint32), set_starts)


def word_runs(texts: Sequence[bytes], *, words: int) -> tuple[Words64, Words64]:
    """The text and the 64-bit hash of every run of `words` words of normalized texts, in order.

    A text of fewer words has none.
    """
    if not texts:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64)
    words_hashed, first_words = _hashed_words(texts)
    text_of, hashes = _shingles(words_hashed, first_words, words)
    is_whole = (np.diff(first_words) >= words)[text_of.astype(np.int64)]
    return text_of[is_whole], hashes[is_whole]


def distinct(values: Places) -> Places:
    """The values in order, each once; `np.unique` goes through a hash table, ten times as slow on some."""
    ordered = np.sort(values)
    return np.asarray(np.append(ordered[:1], ordered[1:][ordered[1:] != ordered[:-1]]))


def _hashed_words(texts: Sequence[bytes]) -> tuple[Words64, Places]:
    """The hash of every word, shape (W,), and the first word of each text, with the end, shape (N + 1,)."""
    joined = b" ".join([*texts, b""])
    text_starts = np.append(0, np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1))
    data = np.frombuffer(joined, dtype=np.uint8)
    starts, ends = _words(data, joined, text_starts)
    return _mixed(_range_hashes(data, starts, ends)), np.searchsorted(starts, text_starts)


def _words(data: Bytes, joined: bytes, text_starts: Places) -> tuple[Places, Places]:
    """Where each word starts and ends, each of shape (W,); every text has one at least.

    `data` and `joined` are the same bytes, all texts with a space after each; text t starts at
    `text_starts[t]`, shape (N + 1,).
    """
    inside = np.frombuffer(bytearray(joined.translate(_WORD_BYTES)), dtype=np.bool_)
    cuts = text_starts[1:-1]  # no word goes on behind these
    if not joined.isascii():
        inside &= ~_foreign_punctuation(data)
        characters = np.flatnonzero(inside & (data >= _UNSPACED_FIRST) & (data <= _UNSPACED_LAST))
        cuts = distinct(np.concatenate([cuts, characters, characters + 3]))
    letters = np.add.reduceat(inside.view(np.uint8), text_starts[:-1], dtype=np.int64)
    for text in np.flatnonzero(letters == 0):
        inside[text_starts[text] : max(text_starts[text] + 1, text_starts[text + 1] - 1)] = True
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    cuts = cuts[(cuts > 0) & (cuts < len(data))]
    cuts = cuts[inside[cuts - 1] & inside[cuts]]
    if not len(cuts):
        return edges[::2], edges[1::2]
    return distinct(np.concatenate([edges[::2], cuts])), distinct(np.concatenate([edges[1::2], cuts]))


def _foreign_punctuation(data: Bytes) -> Mask:
    """The bytes of quotation marks, dashes and so on: U+0080-00BF, U+2000-207F and U+3000-303F."""
    following = np.append(data[1:], np.uint8(0))
    two: Mask = data == 0xC2
    three: Mask = (data == 0xE2) & ((following == 0x80) | (following == 0x81))
    three |= (data == 0xE3) & (following == 0x80)
    marks = two | three
    marks[1:] |= marks[:-1].copy()
    marks[2:] |= three[:-2]
    return marks


def _shingles(words_hashed: Words64, first_words: Places, words: int) -> tuple[Words64, Words64]:
    """The document and the hash of every shingle, each of shape (S,); `first_words` has shape (N + 1,)."""
    counts = np.diff(first_words)
    shingles = np.maximum(counts - words + 1, 1)
    document_of = np.repeat(np.arange(len(counts), dtype=np.uint64), shingles)
    rows = np.zeros(len(words_hashed), dtype=np.uint64)  # of the words from each place on, over all texts
    padded = np.append(words_hashed, np.zeros(words - 1, dtype=np.uint64))
    for offset in range(words):
        rows *= np.uint64(_STEP)
        rows += padded[offset : offset + len(rows)]
    skipped = np.cumsum(counts - shingles) - (counts - shingles)
    hashes = rows[np.arange(len(document_of)) + np.repeat(skipped, shingles)]
    short = np.flatnonzero(counts < words)
    hashes[(np.cumsum(shingles) - shingles)[short]] = _short_texts(words_hashed, first_words, short, words)
    return document_of, _mixed(hashes)


def _short_texts(words_hashed: Words64, first_words: Places, texts: Places, words: int) -> Words64:
    """The hash of all words of each of the texts, which have fewer than a shingle."""
    hashes = np.zeros(len(texts), dtype=np.uint64)
    for offset in range(words):
        word = first_words[texts] + offset
        is_there = word < first_words[texts + 1]
        hashes = hashes * np.uint64(_STEP) + words_hashed[np.where(is_there, word, 0)] * is_there
    return hashes


def _range_hashes(data: Bytes, starts: Places, ends: Places) -> Words64:
    """The polynomial hash of every byte range."""
    powers, inverses = _powers(1 << max(_USUAL_BITS, len(data).bit_length()))
    prefix = np.zeros(len(data) + 1, dtype=np.uint64)
    terms = data.astype(np.uint64)
    terms *= powers[: len(data)]
    np.cumsum(terms, out=prefix[1:])
    return (prefix[ends] - prefix[starts]) * inverses[starts]


@functools.lru_cache(maxsize=1)
def _powers(count: int) -> tuple[Words64, Words64]:
    """B^0, B^1, ... and B^0, B^-1, ... mod 2^64, `count` of each."""
    return _geometric(_BASE, count), _geometric(pow(_BASE, -1, 1 << 64), count)


def _geometric(ratio: int, count: int) -> Words64:
    series = np.full(count, ratio, dtype=np.uint64)
    series[0] = 1
    return np.multiply.accumulate(series)


def _mixed(values: Words64) -> Words64:
    """Every bit of the result depends on every bit of the value (the finalizer of MurmurHash3)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    return values ^ (values >> np.uint64(33))
