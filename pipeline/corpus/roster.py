"""The table of clusters: every document that deduplication saw, where it went, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import publishing, write_table
from pipeline.corpus.deduplication import KEPT


def write_clusters(documents: pa.Table, out: Path, likeness: Mapping[str, float]) -> None:
    """Publishes the table; `documents` has its columns but `kept`.

    `likeness` says what counted as a near duplicate, for those who look for one later.
    """
    columns = documents.select(["id", "cluster", "split", "reason", "duplicate_of"])
    columns = columns.add_column(3, "kept", pc.equal(columns["reason"], KEPT))
    with publishing(out, kind="clusters", facts={"documents": documents.num_rows, **likeness}) as folder:
        ordered = columns.sort_by([("id", "ascending"), ("split", "ascending")])
        write_table(folder / "clusters.parquet", ordered)
