"""Train, validation and test: chosen per duplicate cluster, written as sorted shards.

The split of a cluster is a function of the seed and its key alone: more documents do not move those that
are there, and a cluster never straddles two splits. The shares are of clusters, met as closely as
independent draws do.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import ROW_GROUP_ROWS, publishing, read_table, replace_folder, writing_table
from pipeline.corpus.catalogue import PLACE, ROW_BITS, StoredShard
from pipeline.corpus.deduplication import KEPT
from pipeline.corpus.roster import listing
from pipeline.corpus.shards import ShardEnds, adopt_shards
from pipeline.corpus.tallies import Census
from pipeline.records import DOCUMENT_SCHEMA, SPLITS
from pipeline.reuse import Results

_DROPPED = 255
_PLACED = ["id", "split", "text_bytes", PLACE]
_ROW_ORDER = [("id", "ascending"), ("origin", "ascending")]


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows of one input shard, known by the hash of its bytes, and where each of them goes.

    `splits` holds a place in SPLITS, or _DROPPED, for each row from `first` on: a byte a document, since the
    rows of a whole corpus are in memory at once.
    """

    shard: str
    sha256: str
    first: int
    splits: npt.NDArray[np.uint8]

    def of(self, split: int) -> npt.NDArray[np.int64]:
        """The rows that go to the split at this place in SPLITS."""
        return self.first + np.flatnonzero(self.splits == split)


@dataclass(frozen=True, slots=True)
class RangeTask:
    """Documents of consecutive ids: their rows, and for each split that has some the path of its shard."""

    rows: tuple[Rows, ...]
    shards: Mapping[str, str]


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


def assign_splits(documents: Iterator[pa.Table], shares: SplitShares, *, seed: int) -> Iterator[pa.Table]:
    """The tables, which have a column `cluster`, with the column `split` that follows from it."""
    splits = pa.array(SPLITS)
    for table in documents:
        chosen = _splits_of(table["cluster"].to_pylist(), shares, seed=seed)
        yield table.append_column("split", splits.take(pa.array(chosen)))


def publish(
    documents: Iterator[pa.Table],
    shards: Sequence[StoredShard],
    out: Path,
    *,
    facts: Mapping[str, float],
    results: Results,
) -> Census:
    """Writes the splits of the kept documents and the table of clusters of all, and puts the whole folder in
    its place at once, when all of them are accounted for.

    `documents` has the columns of `write_splits` and of `listing`. `facts` of the table say how many came in
    and, for those who look for near duplicates later, what counted as one.
    """
    staging = out.with_name(f".{out.name}.writing")
    shutil.rmtree(staging, ignore_errors=True)
    with publishing(staging / "clusters", kind="clusters", facts=dict(facts)) as folder:
        census = write_splits(listing(documents, folder), shards, staging, results=results)
    census.account(int(facts["documents"])).check("dedupe")
    replace_folder(staging, out)
    return census


def write_splits(
    documents: Iterator[pa.Table], shards: Sequence[StoredShard], out: Path, *, results: Results
) -> Census:
    """Writes the artifacts `out/train`, `out/val` and `out/test`, in parallel over ranges of ids, and returns
    the census of all documents.

    `documents` come sorted by id: columns id, source, split, reason, text_bytes and PLACE. A range that
    `results` holds already is only linked.
    """
    census = Census()
    written: list[Mapping[str, str]] = []

    def tasks() -> Iterator[tuple[str, RangeTask]]:
        for rows in _ranges(census.counting(documents), shards):
            key = _key(rows, results)
            present = set(np.unique(np.concatenate([part.splits for part in rows])).tolist()) - {_DROPPED}
            written.append({SPLITS[each]: str(_file(key, SPLITS[each], results)) for each in sorted(present)})
            yield key, RangeTask(rows, written[-1])

    results.map_shards(write_range, tasks(), result=Written, label="writing splits")
    for split, tally in census.by_split().items():
        facts = {"documents": tally.documents, "bytes": tally.bytes}
        with publishing(out / split, kind="documents", facts=facts) as folder:
            adopt_shards([Path(files[split]) for files in written if split in files], folder)
    return census


def write_range(task: RangeTask) -> Written:
    """Writes the shards of one range, documents sorted by id; every input shard is read once."""
    chosen: dict[str, list[pa.Table]] = {split: [] for split in task.shards}
    for rows in task.rows:
        table = read_table(Path(rows.shard), schema=DOCUMENT_SCHEMA)
        for split, parts in chosen.items():
            if len(own := rows.of(SPLITS.index(split))):
                parts.append(table.take(own))
        del table  # before the next one is read
    documents = 0
    for split, path in task.shards.items():
        whole = pa.concat_tables(chosen.pop(split)).combine_chunks()
        order = pc.sort_indices(whole, sort_keys=_ROW_ORDER)
        with writing_table(Path(path), schema=whole.schema) as write:
            for start in range(0, len(order), ROW_GROUP_ROWS):  # so that not all is in memory twice
                write(whole.take(order.slice(start, ROW_GROUP_ROWS)))
        documents += whole.num_rows
    return Written(documents)


def _splits_of(clusters: Sequence[str], shares: SplitShares, *, seed: int) -> npt.NDArray[np.int64]:
    """The place in SPLITS of each cluster's split."""
    hashed = (hashlib.blake2b(f"{seed}\0{cluster}".encode(), digest_size=8) for cluster in clusters)
    draws = np.frombuffer(b"".join(each.digest() for each in hashed), dtype=">u8") / 2**64
    val, test = SPLITS.index("val"), SPLITS.index("test")
    return np.where(draws < shares.test, test, np.where(draws < shares.test + shares.val, val, 0))


def _ranges(documents: Iterator[pa.Table], shards: Sequence[StoredShard]) -> Iterator[tuple[Rows, ...]]:
    """The rows of the kept documents, cut where shards end."""
    ends = ShardEnds()
    held: list[pa.Table] = []
    for table in documents:
        kept = table.filter(pc.equal(table["reason"], KEPT)).select(_PLACED)
        start = 0
        pairs = zip(kept["id"].to_pylist(), kept["text_bytes"].to_pylist(), strict=True)
        for end, (document_id, size) in enumerate(pairs, start=1):
            if ends.is_last(document_id, size):
                yield _rows(pa.concat_tables([*held, kept.slice(start, end - start)]), shards)
                held, start = [], end
        held.append(kept.slice(start))
    if any(map(len, held)):
        yield _rows(pa.concat_tables(held), shards)


def _rows(documents: pa.Table, shards: Sequence[StoredShard]) -> tuple[Rows, ...]:
    """The documents by the input shard that holds them."""
    places = documents[PLACE].to_numpy()
    splits = pc.index_in(documents["split"], value_set=pa.array(SPLITS)).to_numpy()
    parts = []
    for number in np.unique(places >> ROW_BITS).tolist():
        here = places >> ROW_BITS == number
        rows = places[here] - (number << ROW_BITS)
        goes_to = np.full(rows.max() - rows.min() + 1, _DROPPED, dtype=np.uint8)
        goes_to[rows - rows.min()] = splits[here]
        shard = shards[number]
        parts.append(Rows(str(shard.path), shard.sha256, int(rows.min()), goes_to))
    return tuple(parts)


def _key(rows: Sequence[Rows], results: Results) -> str:
    """The key of a range, which follows from which rows of which bytes go to which split."""
    return results.key(
        [[part.sha256, part.first, hashlib.sha256(part.splits.tobytes()).hexdigest()] for part in rows]
    )


def _file(key: str, split: str, results: Results) -> Path:
    return results.file(key, f".{split}.parquet")
