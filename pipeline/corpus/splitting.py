"""Train, validation and test: chosen per duplicate cluster, written as sorted shards.

The split of a cluster is a function of the seed and its key alone: more documents do not move those that
are there, and a cluster never straddles two splits. The shares are of clusters, met as closely as
independent draws do.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import publishing, read_table, replace_folder, write_table
from pipeline.corpus.catalogue import StoredShard
from pipeline.corpus.deduplication import KEPT
from pipeline.corpus.roster import write_clusters
from pipeline.corpus.shards import ShardEnds, adopt_shards
from pipeline.records import DOCUMENT_SCHEMA, SPLITS
from pipeline.reuse import Results

DRAWN_AT_ONCE = 1 << 16
_PLACED = ["id", "split", "text_bytes", "shard", "row"]
_ROW_ORDER = [("id", "ascending"), ("origin", "ascending")]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of one input shard, which is known by the hash of its bytes."""

    shard: str
    sha256: str
    rows: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RangeTask:
    """Documents of consecutive ids: for each split that has some, the path of its shard and its rows."""

    shards: Mapping[str, tuple[Rows, ...]]


@dataclass(frozen=True, slots=True)
class Written:
    """How many documents the shards of a range have."""

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
    return SPLITS[int(_splits_of([cluster], shares, seed=seed)[0])]


def assign_splits(documents: pa.Table, shares: SplitShares, *, seed: int) -> pa.Table:
    """The table, which has a column `cluster`, with the column `split` that follows from it."""
    splits = pa.array(SPLITS)
    chosen = [
        splits.take(pa.array(_splits_of(batch.to_pylist(), shares, seed=seed)))
        for column in documents.select(["cluster"]).to_batches(max_chunksize=DRAWN_AT_ONCE)
        for batch in column.columns
    ]
    return documents.append_column("split", pa.chunked_array(chosen, pa.string()))


def publish(
    documents: pa.Table,
    shards: Sequence[StoredShard],
    out: Path,
    *,
    likeness: Mapping[str, float],
    results: Results,
) -> None:
    """Writes the splits of the kept documents and the table of clusters of all, and puts the whole folder in
    its place at once.

    `documents` has the columns of `write_splits` and cluster, reason and duplicate_of; `likeness` is for
    `write_clusters`.
    """
    staging = out.with_name(f".{out.name}.writing")
    shutil.rmtree(staging, ignore_errors=True)
    kept = pc.equal(documents["reason"], KEPT)
    write_splits(documents.select(_PLACED).filter(kept), shards, staging, results=results)
    write_clusters(documents, staging / "clusters", likeness)
    replace_folder(staging, out)


def write_splits(documents: pa.Table, shards: Sequence[StoredShard], out: Path, *, results: Results) -> None:
    """Writes the artifacts `out/train`, `out/val` and `out/test`, in parallel over ranges of ids.

    `documents` lists what to write: columns id, split, text_bytes, and where it is: shard (a place in
    `shards`) and row. A range that `results` holds already is only linked.
    """
    placed = documents.select(_PLACED).sort_by("id")
    ranges = {_key(held, results): held for held in _ranges(placed, shards)}
    tasks = {
        key: RangeTask({str(_file(key, split, results)): parts for split, parts in held.items()})
        for key, held in ranges.items()
    }
    results.map_shards(write_range, tasks, result=Written, label="writing splits")
    for split in SPLITS:
        sizes = placed["text_bytes"].filter(pc.equal(placed["split"], split))
        facts = {"documents": len(sizes), "bytes": pc.sum(sizes).as_py() or 0}
        with publishing(out / split, kind="documents", facts=facts) as folder:
            adopt_shards(
                [_file(key, split, results) for key, held in ranges.items() if split in held], folder
            )


def write_range(task: RangeTask) -> Written:
    """Writes the shards of one range, documents sorted by id; every input shard is read once."""
    inputs = {part.shard for parts in task.shards.values() for part in parts}
    tables = {shard: read_table(Path(shard), schema=DOCUMENT_SCHEMA) for shard in sorted(inputs)}
    documents = 0
    for path, parts in task.shards.items():
        table = pa.concat_tables([tables[part.shard].take(part.rows) for part in parts]).sort_by(_ROW_ORDER)
        write_table(Path(path), table)
        documents += table.num_rows
    return Written(documents)


def _splits_of(clusters: Sequence[str], shares: SplitShares, *, seed: int) -> npt.NDArray[np.int64]:
    """The place in SPLITS of each cluster's split."""
    hashed = (hashlib.blake2b(f"{seed}\0{cluster}".encode(), digest_size=8) for cluster in clusters)
    draws = np.frombuffer(b"".join(each.digest() for each in hashed), dtype=">u8") / 2**64
    val, test = SPLITS.index("val"), SPLITS.index("test")
    return np.where(draws < shares.test, test, np.where(draws < shares.test + shares.val, val, 0))


def _ranges(documents: pa.Table, shards: Sequence[StoredShard]) -> Iterator[dict[str, tuple[Rows, ...]]]:
    """The rows, which are sorted by id, cut where shards end; each range as the parts of its splits."""
    ends, start = ShardEnds(), 0
    sizes = documents.select(["id", "text_bytes"]).to_batches(max_chunksize=DRAWN_AT_ONCE)
    pairs = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in sizes)
    for place, (document_id, size) in enumerate(itertools.chain.from_iterable(pairs), start=1):
        if ends.is_last(document_id, size) or place == documents.num_rows:
            rows = documents.slice(start, place - start)
            by_split = {split: rows.filter(pc.equal(rows["split"], split)) for split in SPLITS}
            yield {split: _parts(held, shards) for split, held in by_split.items() if held.num_rows}
            start = place


def _parts(documents: pa.Table, shards: Sequence[StoredShard]) -> tuple[Rows, ...]:
    """The rows by the input shard that holds them."""
    shard, row = documents["shard"].to_numpy(), documents["row"].to_numpy()
    return tuple(
        Rows(str(shards[number].path), shards[number].sha256, np.sort(row[shard == number]))
        for number in np.unique(shard)
    )


def _key(held: Mapping[str, tuple[Rows, ...]], results: Results) -> str:
    """The key of a range, which follows from which rows of which bytes go to which split."""
    rows = {
        split: [[part.sha256, hashlib.sha256(part.rows.tobytes()).hexdigest()] for part in parts]
        for split, parts in held.items()
    }
    return results.key(rows)


def _file(key: str, split: str, results: Results) -> Path:
    return results.file(key, f".{split}.parquet")
