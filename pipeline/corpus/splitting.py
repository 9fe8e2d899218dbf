"""Train, validation and test: chosen per duplicate cluster, written as sorted shards.

The split of a cluster is a function of the seed and its key alone: more documents do not move those that
are there, and a cluster never straddles two splits. The shares are of clusters, met as closely as
independent draws do.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import publishing, read_table, write_table
from pipeline.corpus.shards import SHARD_BYTES, SHARD_DOCUMENTS
from pipeline.engine import map_shards
from pipeline.records import DOCUMENT_SCHEMA, shard_name

SPLITS = ("train", "val", "test")
_ROW_ORDER = [("id", "ascending"), ("origin", "ascending")]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of one input shard."""

    shard: str
    rows: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard to write: the rows it is made of, and its path."""

    parts: tuple[Rows, ...]
    path: str


@dataclass(frozen=True, slots=True)
class Written:
    """How many documents a written shard has."""

    documents: int


@dataclass(frozen=True, slots=True)
class SplitShares:
    """The shares of clusters that are held out."""

    val: float
    test: float


def split_of(cluster: str, shares: SplitShares, *, seed: int) -> str:
    """The split of a cluster: a draw from [0, 1), test below its share, then val, then train.

    >>> split_of("pydocs-0f", SplitShares(val=0.0, test=1.0), seed=1)
    'test'
    """
    digest = hashlib.blake2b(f"{seed}\0{cluster}".encode(), digest_size=8).digest()
    draw = int.from_bytes(digest, "big") / 2**64
    if draw < shares.test:
        return "test"
    return "val" if draw < shares.test + shares.val else "train"


def assign_splits(documents: pa.Table, shares: SplitShares, *, seed: int) -> pa.Table:
    """The table, which has a column `cluster`, with the column `split` that follows from it."""
    clusters = documents["cluster"].combine_chunks().dictionary_encode()
    chosen = [split_of(cluster, shares, seed=seed) for cluster in clusters.dictionary.to_pylist()]
    return documents.append_column("split", pa.array(chosen, pa.string()).take(clusters.indices))


def write_splits(documents: pa.Table, shards: Sequence[Path], out: Path, *, work: Path) -> None:
    """Writes the artifacts `out/train`, `out/val` and `out/test`, in parallel over their shards.

    `documents` lists what to write: columns id, split, text_bytes, and where it is: shard (a place in
    `shards`) and row. An interrupted write starts anew, because an unfinished artifact does not survive its
    writer.
    """
    shutil.rmtree(work, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        tasks: dict[str, ShardTask] = {}
        for split in SPLITS:
            table = documents.filter(pc.equal(documents["split"], split)).sort_by("id")
            facts = {"documents": table.num_rows, "bytes": pc.sum(table["text_bytes"]).as_py() or 0}
            folder = stack.enter_context(publishing(out / split, kind="documents", facts=facts))
            for number, rows in enumerate(_shard_tables(table)):
                path = folder / shard_name(number)
                tasks[f"{split}-{path.stem}"] = ShardTask(tuple(_parts(rows, shards)), str(path))
        map_shards(write_shard, tasks, result=Written, work=work, label="writing splits")


def write_shard(task: ShardTask) -> Written:
    """Writes one shard of documents sorted by id."""
    parts = [read_table(Path(part.shard), schema=DOCUMENT_SCHEMA).take(part.rows) for part in task.parts]
    table = pa.concat_tables(parts).sort_by(_ROW_ORDER)
    write_table(Path(task.path), table)
    return Written(table.num_rows)


def _shard_tables(documents: pa.Table) -> Iterator[pa.Table]:
    """The rows cut where a shard is full: after SHARD_DOCUMENTS, or when its texts reach SHARD_BYTES."""
    start = size = 0
    for place, text_bytes in enumerate(documents["text_bytes"].to_pylist()):
        size += text_bytes
        if size >= SHARD_BYTES or place + 1 - start == SHARD_DOCUMENTS:
            yield documents.slice(start, place + 1 - start)
            start, size = place + 1, 0
    if start < documents.num_rows:
        yield documents.slice(start)


def _parts(documents: pa.Table, shards: Sequence[Path]) -> Iterator[Rows]:
    """The rows of a shard by the input shard that holds them."""
    shard, row = documents["shard"].to_numpy(), documents["row"].to_numpy()
    for number in np.unique(shard):
        yield Rows(str(shards[number]), np.sort(row[shard == number]))
