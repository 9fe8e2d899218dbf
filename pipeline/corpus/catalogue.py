"""What duplicates are found by: of every document its size, a digest, its band keys and its sketch.

Each shard of documents is read once and gets three files: a table, the band keys (one row per band) and the
sketches. The catalogue of all documents holds the tables only, about 150 bytes per document; bands are read
one at a time and sketches are mapped, so memory does not grow with the text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import open_artifact, read_table, write_table
from pipeline.corpus.minhash import Banding, band_keys, signatures
from pipeline.corpus.shards import shard_paths
from pipeline.corpus.shingles import Places, Words32, Words64, digest, normalize_all, shingle_sets
from pipeline.corpus.similarity import SKETCH_HASHES, Sketches, sketch
from pipeline.durability import writing
from pipeline.errors import IntegrityError
from pipeline.records import DOCUMENT_SCHEMA
from pipeline.reuse import Results

SIGNED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("text_bytes", pa.int64(), nullable=False),
        pa.field("normalized_bytes", pa.int64(), nullable=False),
        pa.field("digest", pa.binary(16), nullable=False),  # of the normalized text
        pa.field("shingles", pa.int64(), nullable=False),  # distinct ones
    ]
)
BATCH_BYTES = 1 << 19
_PREFERENCE = [("normalized_bytes", "descending"), ("id", "ascending"), ("digest", "ascending")]


@dataclass(frozen=True, slots=True)
class Signing:
    """How documents are signed."""

    shingle_words: int
    num_permutations: int
    banding: Banding


@dataclass(frozen=True, slots=True)
class SigningTask:
    """One shard to sign: its files are `prefix` with `.parquet`, `.bands.npy` and `.sketches.npy`."""

    shard: str
    prefix: str
    signing: Signing


@dataclass(frozen=True, slots=True)
class Signed:
    """How many documents a signed shard has."""

    documents: int


@dataclass(frozen=True, slots=True)
class StoredShard:
    """One shard of documents and the hash of its bytes."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All documents in order of preference: the longest normalized text first, equally long ones by id.

    `table` has the columns of SIGNED_SCHEMA and, for where each document is, `shard` (a place in `shards`),
    `row` and `sketch_start`. `prefixes` name the signed files of each shard.
    """

    table: pa.Table
    shards: tuple[StoredShard, ...]
    prefixes: tuple[str, ...]

    def without(self, documents: npt.NDArray[np.bool_]) -> Catalogue:
        """The catalogue of the documents that are not marked, shape (documents,)."""
        if not documents.any():
            return self
        return Catalogue(self.table.filter(pa.array(~documents)), self.shards, self.prefixes)

    def numbers(self, column: str) -> Places:
        """A column of numbers, shape (documents,)."""
        return np.asarray(self.table[column].to_numpy())

    def bands(self, banding: Banding) -> Iterator[Words64]:
        """The keys of each band, shape (documents,), one band in memory at a time."""
        offsets = np.cumsum([0, *(file.shape[1] for file in self._mapped(".bands.npy"))])
        place = offsets[self.numbers("shard")] + self.numbers("row")
        for band in range(banding.bands):  # mapped anew each time: what was read does not stay in memory
            yield np.concatenate([file[band] for file in self._mapped(".bands.npy")])[place]

    def sketches(self) -> Sketches:
        """The sketches of all documents."""
        shard = self.numbers("shard").astype(np.int32)
        files = tuple(self._mapped(".sketches.npy"))
        return Sketches(files, shard, self.numbers("sketch_start"), self.numbers("shingles"))

    def _mapped(self, suffix: str) -> list[npt.NDArray[Any]]:
        return [mapped(Path(prefix + suffix)) for prefix in self.prefixes]


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
    prefixes = tuple(tasks[key].prefix for key in keys)
    tables = [_located(number, prefix) for number, prefix in enumerate(prefixes)]
    return Catalogue(_in_order_of_preference(pa.concat_tables(tables)), tuple(shards), prefixes)


def _in_order_of_preference(table: pa.Table) -> pa.Table:
    """The sorted table, made column by column so that never more than one is in memory three times."""
    order = pc.sort_indices(table, sort_keys=_PREFERENCE)
    columns = {name: table[name].combine_chunks().take(order) for name in table.column_names}
    return pa.table(columns)


def sign_shard(task: SigningTask) -> Signed:
    """Writes the three files of one shard of documents."""
    table = read_table(Path(task.shard), schema=DOCUMENT_SCHEMA, columns=["id", "source", "text"])
    signing = task.signing
    keys: list[Words64] = [np.empty((signing.banding.bands, 0), dtype=np.uint64)]
    sketches: list[Words32] = [np.empty(0, dtype=np.uint32)]
    sizes: list[Places] = [np.empty(0, dtype=np.int64)]
    lengths: list[int] = []
    digests: list[bytes] = []
    for texts in batches(table["text"]):
        normalized = normalize_all(texts)
        sets = shingle_sets(normalized, words=signing.shingle_words)
        signature = signatures(sets, num_permutations=signing.num_permutations)
        keys.append(band_keys(signature, signing.banding))
        sketches.append(sketch(sets))
        sizes.append(sets.sizes())
        lengths.extend(map(len, normalized))
        digests.extend(map(digest, normalized))
    save(Path(task.prefix + ".bands.npy"), np.concatenate(keys, axis=1))
    save(Path(task.prefix + ".sketches.npy"), np.concatenate(sketches))
    text_bytes = pc.binary_length(table["text"]).cast(pa.int64())
    columns = [table["id"], table["source"], text_bytes, lengths, digests, np.concatenate(sizes)]
    write_table(Path(task.prefix + ".parquet"), pa.table(columns, schema=SIGNED_SCHEMA))
    return Signed(table.num_rows)


def save(path: Path, array: npt.NDArray[Any]) -> None:
    """Writes the array; it is on the disk before the record of its shard is."""
    with writing(path) as staging, open(staging, "wb") as file:
        np.save(file, array)


def mapped(path: Path) -> npt.NDArray[Any]:
    """The array in the file, mapped; IntegrityError when it is not one that `save` wrote."""
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r")
    except (FileNotFoundError, EOFError, ValueError) as error:
        remedy = f"remove the folder {path.parent} and run the stage again"
        raise IntegrityError(f"{path}: missing or damaged ({error}); {remedy}") from error
    return array


def batches(texts: pa.ChunkedArray) -> Iterator[list[str]]:
    """The texts in order, in lists of about BATCH_BYTES; a longer text ends its list."""
    ends = np.cumsum(pc.binary_length(texts).to_numpy(), dtype=np.int64)
    batch_of = ends // BATCH_BYTES
    starts = np.flatnonzero(np.append(len(ends) > 0, batch_of[1:] != batch_of[:-1]))
    for start, end in itertools.pairwise([*starts.tolist(), len(ends)]):
        yield texts[start:end].to_pylist()


def _located(number: int, prefix: str) -> pa.Table:
    """The signed table of one shard, with where each of its documents is."""
    table = read_table(Path(prefix + ".parquet"), schema=SIGNED_SCHEMA)
    lengths = np.minimum(table["shingles"].to_numpy(), SKETCH_HASHES)
    table = table.append_column("shard", pa.array(np.full(table.num_rows, number)))
    table = table.append_column("row", pa.array(np.arange(table.num_rows)))
    return table.append_column("sketch_start", pa.array(np.cumsum(lengths) - lengths))
