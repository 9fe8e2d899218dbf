"""What duplicates are found by: of every document its size, a digest, its keys and its sketch.

Each shard of documents is read once and gets four files: a table with a row per document, the keys in
ascending order, the rows of the documents that have them, and the sketches.
"""

# n documents of a shard, k keys of each: one of its digest, then one of each band

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import read_table, write_table
from pipeline.corpus.minhash import Banding, band_keys, signatures
from pipeline.corpus.shingles import Places, Words32, Words64, digest, normalize_all, shingle_sets
from pipeline.corpus.similarity import sketch
from pipeline.durability import writing
from pipeline.errors import IntegrityError
from pipeline.records import DOCUMENT_SCHEMA

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
KEYS, ROWS, SKETCHES = ".keys.npy", ".rows.npy", ".sketches.npy"
BATCH_BYTES = 1 << 19


@dataclass(frozen=True, slots=True)
class Signing:
    """How documents are signed."""

    shingle_words: int
    num_permutations: int
    banding: Banding


@dataclass(frozen=True, slots=True)
class SigningTask:
    """One shard to sign: its files are `prefix` with `.parquet`, KEYS, ROWS and SKETCHES."""

    shard: str
    prefix: str
    signing: Signing


@dataclass(frozen=True, slots=True)
class Signed:
    """How many documents a signed shard has."""

    documents: int


def sign_shard(task: SigningTask) -> Signed:
    """Writes the four files of one shard of documents."""
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
    ascending, rows = _sorted_keys(digests, np.concatenate(keys, axis=1))
    save(Path(task.prefix + KEYS), ascending)
    save(Path(task.prefix + ROWS), rows)
    save(Path(task.prefix + SKETCHES), np.concatenate(sketches))
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


@dataclass(frozen=True, slots=True)
class StoredHashes:
    """Sketches in a file that `save` wrote; only what is asked for is read, and none of it stays in memory.

    A mapped file would: around every page that is touched the kernel maps fifteen more.
    """

    path: Path
    offset: int  # of the first hash, in bytes

    def stretches(self, starts: Places, lengths: Places) -> Words32:
        """So many hashes from each of these on, one stretch after the other."""
        stretches = zip((self.offset + 4 * starts).tolist(), (4 * lengths).tolist(), strict=True)
        with open(self.path, "rb", buffering=0) as file:
            read = [os.pread(file.fileno(), size, start) for start, size in stretches]
        return np.frombuffer(b"".join(read), dtype=np.uint32)


def stored_hashes(path: Path) -> StoredHashes:
    """The sketches in the file; IntegrityError when it is not one that `save` wrote."""
    array = mapped(path)
    return StoredHashes(path, path.stat().st_size - array.nbytes)


def batches(texts: pa.ChunkedArray) -> Iterator[list[str]]:
    """The texts in order, in lists of about BATCH_BYTES; a longer text ends its list."""
    ends = np.cumsum(pc.binary_length(texts).to_numpy(), dtype=np.int64)
    batch_of = ends // BATCH_BYTES
    starts = np.flatnonzero(np.append(len(ends) > 0, batch_of[1:] != batch_of[:-1]))
    for start, end in itertools.pairwise([*starts.tolist(), len(ends)]):
        yield texts[start:end].to_pylist()


def _sorted_keys(digests: Sequence[bytes], bands: Words64) -> tuple[Words64, Words32]:
    """The keys of each kind in ascending order and the rows of their documents, both of shape (k, n).

    `bands` has shape (k - 1, n); the first kind of key is the beginning of the digest.
    """
    of_digests = np.frombuffer(b"".join(digests), dtype=np.uint64)[::2]
    keys = np.concatenate([of_digests[np.newaxis], bands])
    rows = np.argsort(keys, axis=1, kind="stable")
    return np.take_along_axis(keys, rows, axis=1), rows.astype(np.uint32)
