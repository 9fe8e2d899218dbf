"""The shards of all documents and what was signed of each: how a document is found again by its place.

The *place* of a document is the number of its shard and its row there, as one number. What is known of
documents stays on the disk, so that memory grows with those that are asked for and not with the corpus.
"""

# D documents

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.artifacts import open_artifact, read_table
from pipeline.corpus.shards import shard_paths
from pipeline.corpus.shingles import Places
from pipeline.corpus.signing import (
    SIGNED_SCHEMA,
    SKETCHES,
    Signed,
    Signing,
    SigningTask,
    sign_shard,
    stored_hashes,
)
from pipeline.corpus.similarity import SKETCH_HASHES, Sketches
from pipeline.reuse import Results

ROW_BITS = 32
PLACE = "place"


@dataclass(frozen=True, slots=True)
class StoredShard:
    """One shard of documents and the hash of its bytes."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All shards, in the order of their artifacts' names; `prefixes` name the signed files of each."""

    shards: tuple[StoredShard, ...]
    prefixes: tuple[str, ...]
    key: str  # follows from all that was signed, and how

    def table(self, shard: int, columns: Sequence[str]) -> pa.Table:
        """Columns of SIGNED_SCHEMA for the documents of one shard, and their PLACE."""
        path = Path(self.prefixes[shard] + ".parquet")
        table = read_table(path, schema=SIGNED_SCHEMA, columns=list(columns))
        return table.append_column(PLACE, pa.array(np.arange(table.num_rows) + (shard << ROW_BITS)))

    def at(self, places: Places, columns: Sequence[str]) -> pa.Table:
        """The rows of `table` at these places, which ascend, one shard after the other."""
        found = [SIGNED_SCHEMA.empty_table().select(columns).append_column(PLACE, pa.array([], pa.int64()))]
        for shard in _shards_of(places):
            found.append(self.table(shard, columns).take(places_in(places, shard)))
        return pa.concat_tables(found)

    def sketches(self, places: Places) -> Sketches:
        """The sketches of the documents at these places, in this order."""
        shards = np.unique(places >> ROW_BITS)
        starts, sizes = np.empty_like(places), np.empty_like(places)
        for shard in shards.tolist():
            here = np.flatnonzero(places >> ROW_BITS == shard)
            rows = places[here] - (shard << ROW_BITS)
            shingles = self.table(shard, ["shingles"])["shingles"].to_numpy()
            lengths = np.minimum(shingles, SKETCH_HASHES)
            starts[here], sizes[here] = (np.cumsum(lengths) - lengths)[rows], shingles[rows]
        files = tuple(stored_hashes(Path(self.prefixes[shard] + SKETCHES)) for shard in shards.tolist())
        file_of = np.searchsorted(shards, places >> ROW_BITS).astype(np.int32)
        return Sketches(files, file_of, starts, sizes)

    def artifacts(self) -> Iterator[list[int]]:
        """The numbers of the shards of each artifact; its documents are sorted by id over all of them."""
        numbers = range(len(self.shards))
        for _, group in itertools.groupby(numbers, key=lambda number: self.shards[number].path.parent):
            yield list(group)


def places_in(places: Places, shard: int) -> Places:
    """The rows of one shard among places, which ascend."""
    start, end = np.searchsorted(places, [shard << ROW_BITS, (shard + 1) << ROW_BITS])
    return places[start:end] - (shard << ROW_BITS)


def shards_below(folder: Path) -> tuple[list[StoredShard], int]:
    """The shards of every artifact in the folder, by name of the artifact, and how many documents they hold.

    Raises IntegrityError for a subfolder that is not a whole artifact of documents.
    """
    shards: list[StoredShard] = []
    documents = 0
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            artifact = open_artifact(path, kind="documents")
            documents += artifact.fact("documents")
            shards += [StoredShard(shard, artifact.hashes[shard.name]) for shard in shard_paths(path)]
    return shards, documents


def build_catalogue(shards: Sequence[StoredShard], results: Results, signing: Signing) -> Catalogue:
    """The catalogue of all documents of the shards; those without a signed form in `results` are signed on
    all cores.
    """
    keys = [results.key(shard.sha256, signing) for shard in shards]
    tasks = {
        key: SigningTask(str(shard.path), str(results.file(key, "")), signing)
        for key, shard in zip(keys, shards, strict=True)
    }
    results.map_shards(sign_shard, tasks, result=Signed, label="signing documents")
    return Catalogue(tuple(shards), tuple(tasks[key].prefix for key in keys), results.key(keys))


def _shards_of(places: Places) -> list[int]:
    return [int(shard) for shard in np.unique(places >> ROW_BITS)]
