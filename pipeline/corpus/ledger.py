"""Whether the split files hold exactly the documents that deduplication kept, by its table of clusters.

Documents are counted, and their ids added up as hashes modulo 2^64: two sets of ids with the same sum are the
same but for a chance of 2^-64, whatever their order, and neither is ever in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.artifacts import open_artifact
from pipeline.corpus.accounts import Account
from pipeline.corpus.deduplication import KEPT
from pipeline.corpus.repeats import keys
from pipeline.errors import DataError

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("split", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),  # in the files
        pa.field("lacking", pa.int64(), nullable=False),  # to the least it must have
        pa.field("unlisted", pa.int64(), nullable=False),  # in the files less kept by the table of clusters
        pa.field("same_ids", pa.bool_(), nullable=False),  # in the files and kept by the table
    ]
)
_COLUMNS = ("id", "split", "kept", "reason")
_MASK = (1 << 64) - 1


class Roll:
    """How many documents each split has, and the sum of their ids' hashes."""

    def __init__(self) -> None:
        self.documents: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()

    def add(self, rows: pa.Table) -> None:
        """Counts rows with the columns id and split."""
        for split in rows["split"].unique().to_pylist():
            ids = rows.filter(pc.equal(rows["split"], split))["id"]
            self.documents[split] += len(ids)
            self.sums[split] = (self.sums[split] + int(np.sum(keys(ids), dtype=np.uint64))) & _MASK


def listed(clusters: Path) -> Roll:
    """The documents that the artifact `clusters` says were kept, by split.

    Raises IntegrityError when it is damaged or its account does not balance, DataError when a column is
    missing.
    """
    artifact = open_artifact(clusters, kind="clusters")
    roll, dropped, rows = Roll(), Counter[str](), 0
    for path in sorted(clusters.glob("*.parquet")):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _require_columns(path, file.schema_arrow)
            for batch in file.iter_batches(columns=list(_COLUMNS)):
                table = pa.table(batch)
                rows += table.num_rows
                dropped.update(table.filter(pc.invert(table["kept"]))["reason"].to_pylist())
                roll.add(table.filter(table["kept"]))
    reasonless = dropped.pop(KEPT, 0)
    account = Account(artifact.fact("documents"), roll.documents.total() + reasonless, dropped)
    account.check(f"{clusters}")
    Account(rows, roll.documents.total(), dropped).check(f"{clusters}: documents without a reason")
    return roll


def compare(files: Roll, table: Roll, least: Mapping[str, int]) -> pa.Table:
    """A row of LEDGER_SCHEMA for each split; `least` says how many documents it must have."""
    rows = [
        {
            "split": split,
            "documents": files.documents[split],
            "lacking": max(minimum - files.documents[split], 0),
            "unlisted": files.documents[split] - table.documents[split],
            "same_ids": files.sums[split] == table.sums[split],
        }
        for split, minimum in least.items()
    ]
    return pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)


def _require_columns(path: Path, schema: pa.Schema) -> None:
    for name in _COLUMNS:
        if name not in schema.names:
            raise DataError(f"{path}: column {name!r} is missing")
