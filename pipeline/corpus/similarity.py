"""The Jaccard similarity of pairs of documents, from sketches that stay on disk.

The sketch of a document is the SKETCH_HASHES smallest hashes of its shingle set. Up to that many distinct
shingles (about 12 kB of English) it is the whole set and the similarity is exact. Of longer documents both
sketches are compared up to the largest hash that both are complete to: a uniform sample of the union, at
least SKETCH_HASHES of it, so that the standard error stays below 0.012 (Bar-Yossef and others 2002).
"""

# D documents, Q pairs

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.corpus.shingles import Places, ShingleSets, Words32, Words64

SKETCH_HASHES = 2048
_WHOLE = np.uint32(0xFFFFFFFF)
_PAIRS_AT_ONCE = 1024

Similarities = npt.NDArray[np.float64]


def sketch(sets: ShingleSets) -> Words32:
    """The sketches of all sets, one after the other."""
    place = np.arange(len(sets.hashes)) - np.repeat(sets.starts[:-1], sets.sizes())
    return sets.hashes[place < SKETCH_HASHES]


class Hashes(Protocol):
    """Sketches one after the other, wherever they are kept."""

    def stretches(self, starts: Places, lengths: Places) -> Words32:
        """So many hashes from each of these on, one stretch after the other."""


@dataclass(frozen=True, slots=True)
class HeldHashes:
    """Sketches in memory."""

    values: Words32

    def stretches(self, starts: Places, lengths: Places) -> Words32:
        """So many hashes from each of these on, one stretch after the other."""
        return self.values[_ramps(starts, lengths)]


@dataclass(frozen=True, slots=True)
class Sketches:
    """The sketches of D documents: that of d begins at `starts[d]` of `files[file_of[d]]`."""

    files: tuple[Hashes, ...]
    file_of: npt.NDArray[np.int32]  # D
    starts: Places  # D
    sizes: Places  # D, distinct shingles of the document

    def jaccard(self, left: Places, right: Places) -> Similarities:
        """The similarity of each pair of document numbers, shape (Q,)."""
        similarity = np.empty(len(left), dtype=np.float64)
        for start in range(0, len(left), _PAIRS_AT_ONCE):
            chunk = slice(start, start + _PAIRS_AT_ONCE)
            similarity[chunk] = self._jaccard(left[chunk], right[chunk])
        return similarity

    def bound(self, left: Places, right: Places) -> Similarities:
        """What the similarity of each pair cannot exceed, given only how many shingles each document has."""
        sizes = self.sizes[left], self.sizes[right]
        return np.minimum(*sizes) / np.maximum(*sizes)

    def _jaccard(self, left: Places, right: Places) -> Similarities:
        left_keys, left_limits = self._keys(left)
        right_keys, right_limits = self._keys(right)
        limits = np.minimum(left_limits, right_limits)
        keys = np.concatenate([left_keys, right_keys])
        keys = np.sort(keys[keys.astype(np.uint32) <= limits[keys >> np.uint64(32)]])
        pairs = keys >> np.uint64(32)
        both = np.bincount(pairs[1:][keys[1:] == keys[:-1]].astype(np.int64), minlength=len(left))
        either = np.bincount(pairs.astype(np.int64), minlength=len(left)) - both
        return np.asarray(both / either, dtype=np.float64)

    def _keys(self, documents: Places) -> tuple[Words64, Words32]:
        """(place << 32 | hash) for each hash of each document; up to which hash each sketch is complete."""
        lengths = np.minimum(self.sizes[documents], SKETCH_HASHES)
        first = np.cumsum(lengths) - lengths
        hashes = np.empty(int(lengths.sum()), dtype=np.uint32)
        for file in np.unique(self.file_of[documents]):
            here = np.flatnonzero(self.file_of[documents] == file)
            read = self.files[file].stretches(self.starts[documents[here]], lengths[here])
            hashes[_ramps(first[here], lengths[here])] = read
        limits = np.where(self.sizes[documents] > SKETCH_HASHES, hashes[first + lengths - 1], _WHOLE)
        places = np.repeat(np.arange(len(documents), dtype=np.uint64), lengths)
        return (places << np.uint64(32)) | hashes, limits


def _ramps(starts: Places, lengths: Places) -> Places:
    """start, start + 1, ... `length` numbers of each, one ramp after the other."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(int(ends[-1]) if len(ends) else 0)
