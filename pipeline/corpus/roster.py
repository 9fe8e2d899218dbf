"""The table of clusters: every document that deduplication saw, where it went, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import writing_table
from pipeline.corpus.deduplication import KEPT

CLUSTERS = "clusters.parquet"
_ORDER = [("id", "ascending"), ("split", "ascending")]
_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("cluster", pa.string()),
        pa.field("split", pa.string()),
        pa.field("kept", pa.bool_()),
        pa.field("reason", pa.string()),
        pa.field("duplicate_of", pa.string()),
    ]
)


def listing(documents: Iterator[pa.Table], folder: Path) -> Iterator[pa.Table]:
    """Writes the table into the folder, and passes on the tables that it is made of.

    These have its columns but `kept`, and come sorted by id.
    """
    with writing_table(folder / CLUSTERS, schema=_SCHEMA) as write:
        for table in documents:
            rows = table.select(["id", "cluster", "split", "reason", "duplicate_of"])
            rows = rows.add_column(3, "kept", pc.equal(rows["reason"], KEPT))
            write(rows.sort_by(_ORDER))
            yield table
