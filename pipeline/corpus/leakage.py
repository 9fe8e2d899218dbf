"""Held-out documents that have a near duplicate in another split, looked for in a sample.

Deduplication finds candidates by hashing and may miss some. Here a sample of the held-out documents, its
*probes*, is compared with every document of the corpus, without a shortcut that could miss: with its sketch
against theirs (similarity.py).
"""

# P probes, D documents of a batch, H hashes, Q pairs

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.artifacts import read_table, write_table
from pipeline.corpus.shards import shard_paths
from pipeline.corpus.shingles import Places, ShingleSets, Words32, normalize, shingle_sets
from pipeline.corpus.similarity import SKETCH_HASHES, HeldHashes, Sketches, sketch
from pipeline.errors import DataError
from pipeline.records import DOCUMENT_SCHEMA, HELD_OUT

PROBE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("shingles", pa.int64(), nullable=False),  # distinct ones
        pa.field("hashes", pa.list_(pa.uint32()), nullable=False),  # its sketch
    ]
)
TWIN_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # of the probe
        pa.field("twin", pa.string(), nullable=False),  # the document of another split
        pa.field("similarity", pa.float64(), nullable=False),  # Jaccard, of their shingles
    ]
)
BATCH_BYTES = 1 << 20
_SURE_SHARE = 0.8  # of the hashes that a similar pair must share; the sketches' error is far smaller


@dataclass(frozen=True, slots=True)
class Likeness:
    """What counts as a near duplicate: the Jaccard similarity of shingles of so many words."""

    shingle_words: int
    threshold: float


@dataclass(frozen=True, slots=True)
class Probes:
    """The sampled documents; the sketch of p is `hashes[starts[p]:starts[p + 1]]`."""

    ids: tuple[str, ...]
    splits: tuple[str, ...]
    hashes: Words32  # H
    starts: Places  # P + 1
    shingles: Places  # P, distinct ones of the whole document

    def twins(self, ids: Sequence[str], split: str, sets: ShingleSets, likeness: Likeness) -> pa.Table:
        """Rows of TWIN_SCHEMA: the documents of a batch that are near duplicates of a probe of another
        split.
        """
        documents = sketch(sets)
        sizes = sets.sizes()
        lengths = np.minimum(sizes, SKETCH_HASHES)
        count = len(self.ids)
        left, right = self._candidates(documents, np.repeat(np.arange(len(sizes)), lengths), sizes, likeness)
        elsewhere = np.array([held != split for held in self.splits], dtype=bool)[left]
        left, right = left[elsewhere], right[elsewhere]
        sketches = Sketches(
            files=(HeldHashes(self.hashes), HeldHashes(documents)),
            file_of=np.repeat(np.array([0, 1], dtype=np.int32), (count, len(sizes))),
            starts=np.concatenate([self.starts[:-1], np.cumsum(lengths) - lengths]),
            sizes=np.concatenate([self.shingles, sizes]),
        )
        similarity = sketches.jaccard(left, right + count)
        near = similarity >= likeness.threshold
        rows = zip(left[near], right[near], similarity[near], strict=True)
        found = [{"id": self.ids[p], "twin": ids[d], "similarity": float(value)} for p, d, value in rows]
        return pa.Table.from_pylist(found, schema=TWIN_SCHEMA)

    def _candidates(
        self, hashes: Words32, document_of: Places, sizes: Places, likeness: Likeness
    ) -> tuple[Places, Places]:
        """The pairs of a probe and a document whose sketches share enough to be similar, each (Q,)."""
        probe_of = np.repeat(np.arange(len(self.ids)), np.diff(self.starts))
        order = np.argsort(self.hashes, kind="stable")
        ordered = self.hashes[order]
        first = np.searchsorted(ordered, hashes, side="left")
        times = np.searchsorted(ordered, hashes, side="right") - first
        ends = np.cumsum(times)
        ramp = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - times, times)
        probe = probe_of[order[np.repeat(first, times) + ramp]]
        pairs, shared = np.unique(np.repeat(document_of, times) * len(self.ids) + probe, return_counts=True)
        left, right = pairs % len(self.ids), pairs // len(self.ids)
        larger = np.minimum(np.maximum(self.shingles[left], sizes[right]), SKETCH_HASHES)
        enough = shared >= _SURE_SHARE * likeness.threshold * larger
        return left[enough], right[enough]


def sample_held_out(corpus: Path, path: Path, *, most: int, seed: int, likeness: Likeness) -> int:
    """Writes up to `most` documents of val and test as rows of PROBE_SCHEMA and returns how many.

    Which ones follows from the seed and their ids alone. Shards that are no table of documents are passed
    over: whoever measures them says what is wrong.
    """
    places = [(split, shard) for split in HELD_OUT for shard in shard_paths(corpus / split)]
    drawn = heapq.nsmallest(most, _draws(places, seed))
    tables = [PROBE_SCHEMA.empty_table()]
    for place in sorted({place for _, _, place, _ in drawn}):
        split, shard = places[place]
        rows = sorted(row for _, _, at, row in drawn if at == place)
        chosen = _sound_table(shard).take(rows)
        normalized = [normalize(text) for text in chosen["text"].to_pylist()]
        tables.append(
            _probe_table(chosen["id"], split, shingle_sets(normalized, words=likeness.shingle_words))
        )
    probes = pa.concat_tables(tables)
    write_table(path, probes)
    return len(probes)


def read_probes(path: Path) -> Probes:
    """The probes that `sample_held_out` wrote."""
    table = read_table(path, schema=PROBE_SCHEMA)
    hashes = table["hashes"].combine_chunks()
    starts = np.cumsum([0, *hashes.value_lengths().to_pylist()])
    flat = hashes.flatten().to_numpy()
    return Probes(
        tuple(table["id"].to_pylist()),
        tuple(table["split"].to_pylist()),
        flat,
        starts,
        table["shingles"].to_numpy(),
    )


def twins_in_shard(
    ids: Sequence[str], normalized: Sequence[bytes], split: str, probes: Probes, likeness: Likeness
) -> pa.Table:
    """Rows of TWIN_SCHEMA for the documents of one shard, whose normalized texts these are."""
    found = [TWIN_SCHEMA.empty_table()]
    for batch in _batches([len(text) for text in normalized]):
        sets = shingle_sets(normalized[batch], words=likeness.shingle_words)
        found.append(probes.twins(ids[batch], split, sets, likeness))
    return pa.concat_tables(found)


def _batches(sizes: Sequence[int]) -> Iterator[slice]:
    """Runs of documents of about BATCH_BYTES together; a larger document is a run of its own."""
    start = total = 0
    for place, size in enumerate(sizes):
        if place > start and total + size > BATCH_BYTES:
            yield slice(start, place)
            start, total = place, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))


def _draws(places: Sequence[tuple[str, Path]], seed: int) -> Iterator[tuple[bytes, str, int, int]]:
    """For every document a draw from the seed and its id, its id, and where it is: place and row."""
    for place, (_, shard) in enumerate(places):
        for row, name in enumerate(_sound_table(shard)["id"].to_pylist()):
            digest = hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()
            yield digest, name, place, row


def _sound_table(shard: Path) -> pa.Table:
    """Ids and texts of a shard; none where the table is not one of documents."""
    try:
        return read_table(shard, schema=DOCUMENT_SCHEMA, columns=["id", "text"])
    except DataError:
        return DOCUMENT_SCHEMA.empty_table().select(["id", "text"])


def _probe_table(ids: pa.ChunkedArray, split: str, sets: ShingleSets) -> pa.Table:
    sizes = sets.sizes()
    ends = np.cumsum(np.minimum(sizes, SKETCH_HASHES))
    offsets = pa.array(np.append(0, ends), pa.int32())
    hashes = pa.ListArray.from_arrays(offsets, pa.array(sketch(sets), pa.uint32()))
    splits = pa.array([split] * len(sizes))
    return pa.table([ids.combine_chunks(), splits, pa.array(sizes), hashes], schema=PROBE_SCHEMA)
