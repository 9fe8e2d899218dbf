"""Documents that have a key in common with another one, found in buckets on the disk.

The keys of every signed shard lie on the disk in ascending order, so a range of keys is one stretch of each
file. Ranges are looked through on all cores, each with about KEYS_AT_ONCE keys in memory, however many
documents there are. What comes of it is as large as the corpus has such documents.
"""

# k kinds of keys, N keys of a range, M of them shared

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.corpus.catalogue import ROW_BITS, Catalogue
from pipeline.corpus.shingles import Places, Words64, distinct
from pipeline.corpus.signing import KEYS, ROWS, mapped, save
from pipeline.reuse import Results

KEYS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class RangeTask:
    """Range `number` of `ranges` equal ones over all keys, in the signed files of all `prefixes`."""

    prefixes: tuple[str, ...]
    number: int
    ranges: int
    shared: str  # where the shared keys go


@dataclass(frozen=True, slots=True)
class Shared:
    """How many shared keys a range has."""

    keys: int


@dataclass(frozen=True, slots=True)
class Collisions:
    """Files of shape (3, M): the kind of each shared key, ascending, the key, and the document's place."""

    files: tuple[Path, ...]

    def places(self) -> Places:
        """The documents that share a key with another one, ascending."""
        found = [distinct(_places(mapped(file)[2])) for file in self.files]
        return distinct(np.concatenate([np.empty(0, dtype=np.int64), *found]))

    def by_kind(self, kinds: int) -> Iterator[tuple[Places, Words64]]:
        """Places and keys of those that share a key of kind 0, 1, and so on; one kind in memory at a time."""
        for kind in range(kinds):
            stretches = [_stretch(mapped(file), kind) for file in self.files]
            shared = np.concatenate([np.empty((3, 0), dtype=np.uint64), *stretches], axis=1)
            yield _places(shared[2]), shared[1]


def find_collisions(catalogue: Catalogue, results: Results, *, documents: int, kinds: int) -> Collisions:
    """The keys that documents of the catalogue share, of each of `kinds` kinds."""
    ranges = documents * kinds // KEYS_AT_ONCE + 1
    tasks = {}
    for number in range(ranges):
        key = results.key(catalogue.key, number, ranges)
        tasks[key] = RangeTask(catalogue.prefixes, number, ranges, str(results.file(key, ".npy")))
    results.map_shards(find_shared, tasks, result=Shared, label="looking for shared keys")
    return Collisions(tuple(Path(task.shared) for task in tasks.values()))


def find_shared(task: RangeTask) -> Shared:
    """Writes the keys of one range that more documents than one have."""
    found = [np.empty((3, 0), dtype=np.uint64)]
    for kind, (keys, places) in enumerate(_ranges_of_keys(task)):
        ordered = np.sort(keys)
        is_shared = _is_among(keys, ordered[1:][ordered[1:] == ordered[:-1]])
        shared = keys[is_shared]
        found.append(np.stack([np.full_like(shared, kind), shared, places[is_shared].astype(np.uint64)]))
    whole = np.concatenate(found, axis=1)
    save(Path(task.shared), whole)
    return Shared(whole.shape[1])


def _ranges_of_keys(task: RangeTask) -> Iterator[tuple[Words64, Places]]:
    """For each kind of key the keys within the range and the places of their documents, each (N,)."""
    low, high = (number * (1 << 64) // task.ranges for number in (task.number, task.number + 1))
    keys: list[list[Words64]] = []
    places: list[list[Places]] = []
    for shard, prefix in enumerate(task.prefixes):
        ascending, rows = mapped(Path(prefix + KEYS)), mapped(Path(prefix + ROWS))
        for kind in range(len(ascending)):
            start = np.searchsorted(ascending[kind], np.uint64(low), side="left")
            end = np.searchsorted(ascending[kind], np.uint64(high - 1), side="right")
            if kind == len(keys):
                keys.append([])
                places.append([])
            keys[kind].append(np.array(ascending[kind, start:end]))
            places[kind].append(rows[kind, start:end].astype(np.int64) + (shard << ROW_BITS))
    for of_kind, places_of_kind in zip(keys, places, strict=True):
        yield np.concatenate(of_kind), np.concatenate(places_of_kind)


def _stretch(shared: Words64, kind: int) -> Words64:
    start, end = np.searchsorted(shared[0], np.array([kind, kind + 1], dtype=np.uint64))
    return np.array(shared[:, start:end])


def _places(values: Words64) -> Places:
    return values.astype(np.int64)


def _is_among(keys: Words64, ascending: Words64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not len(ascending):
        return np.zeros(len(keys), dtype=np.bool_)
    nearest = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
    return np.asarray(ascending[nearest] == keys)
