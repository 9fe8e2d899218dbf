"""What becomes of each document, as one stream sorted by id that holds a shard of each artifact in memory."""

# n documents of a table

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.catalogue import PLACE, ROW_BITS, Catalogue, places_in
from pipeline.corpus.deduplication import CONTAMINATED, KEPT
from pipeline.corpus.shingles import Places, distinct
from pipeline.errors import IntegrityError

_KNOWN = ("id", "source", "text_bytes")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Everything that was found out about the documents of a catalogue.

    `duplicates` holds, sorted by PLACE, the cluster, reason and duplicate_of of those documents that share
    a key with another one; `contaminated` the places of those that have text of an evaluation set.
    """

    catalogue: Catalogue
    duplicates: pa.Table
    contaminated: Places

    def by_id(self) -> Iterator[pa.Table]:
        """All documents: id, source, text_bytes, PLACE, cluster, reason and duplicate_of.

        A contaminated document is a cluster of its own and duplicates none.
        """
        return merged([map(self._of_shard, numbers) for numbers in self.catalogue.artifacts()])

    def dropped(self) -> Places:
        """The places of those that are not kept, ascending."""
        is_dropped = pc.not_equal(self.duplicates["reason"], KEPT)
        places = self.duplicates.filter(is_dropped)[PLACE].to_numpy()
        return distinct(np.concatenate([places, self.contaminated]))

    def _of_shard(self, shard: int) -> pa.Table:
        table = self.catalogue.table(shard, _KNOWN)
        places = self.duplicates[PLACE].to_numpy()
        start, end = np.searchsorted(places, [shard << ROW_BITS, (shard + 1) << ROW_BITS])
        found = self.duplicates.slice(start, end - start)
        rows = places[start:end] - (shard << ROW_BITS)
        unseen = places_in(self.contaminated, shard)
        ids = table["id"].combine_chunks()
        columns = {"cluster": ids, "reason": pa.array([KEPT]).take(_zeros(len(ids))), "duplicate_of": ids}
        for name, values in columns.items():
            columns[name] = _replaced(values, rows, found[name].combine_chunks())
        columns["reason"] = _replaced(columns["reason"], unseen, pa.array([CONTAMINATED] * len(unseen)))
        columns["duplicate_of"] = _replaced(columns["duplicate_of"], unseen, pa.array([""] * len(unseen)))
        for name, values in columns.items():
            table = table.append_column(name, values)
        return table


def merged(streams: Sequence[Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """The rows of several streams of tables, each sorted by its column id, as one stream that is.

    At most one table of each is held. IntegrityError when a stream is not sorted.
    """
    waiting = [(_rows_of(stream), stream) for stream in streams]
    while waiting := [(table, stream) for table, stream in waiting if table.num_rows]:
        last = min(table["id"][-1].as_py() for table, _ in waiting)
        counts = [_not_above(table["id"], last) for table, _ in waiting]
        pieces = [table.slice(0, count) for (table, _), count in zip(waiting, counts, strict=True) if count]
        yield pieces[0] if len(pieces) == 1 else pa.concat_tables(pieces).sort_by("id")
        waiting = [
            (table.slice(count) if count < table.num_rows else _rows_of(stream, after=last), stream)
            for (table, stream), count in zip(waiting, counts, strict=True)
        ]


def _rows_of(stream: Iterator[pa.Table], *, after: str = "") -> pa.Table:
    """The next table of a stream that has rows; one without rows at its end."""
    for table in stream:
        if table.num_rows:
            ids = table["id"].combine_chunks()
            is_sorted = not pc.any(pc.less(ids[1:], ids[:-1])).as_py()
            if not is_sorted or ids[0].as_py() < after:
                raise IntegrityError(
                    f"{ids[0]}: its shard is not sorted by id; rebuild the artifact it is in"
                )
            return table
    return pa.table({"id": []})


def _not_above(ids: pa.ChunkedArray, last: str) -> int:
    """How many of the ascending ids are not above the last one."""
    return bisect.bisect_right(range(len(ids)), last, key=lambda place: ids[place].as_py())


def _replaced(values: pa.Array, rows: Places, others: pa.Array) -> pa.Array:
    """The values with those of some rows, shape (m,), replaced by others, shape (m,)."""
    if not len(rows):
        return values
    place = np.arange(len(values))
    place[rows] = len(values) + np.arange(len(rows))
    return pa.concat_arrays([values, others]).take(pa.array(place))


def _zeros(count: int) -> pa.Array:
    return pa.array(np.zeros(count, dtype=np.int8))
