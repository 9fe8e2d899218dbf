"""ledger: split files and the table of clusters are compared without holding either in memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.artifacts import publishing, write_table
from pipeline.corpus.ledger import Roll, compare, listed
from pipeline.errors import DataError, IntegrityError
from tests.corpus.collections import publish_clusters

LEAST = {"train": 2, "val": 2, "test": 0}


def roll(*rows: tuple[str, str]) -> Roll:
    found = Roll()
    for name, split in rows:  # each in a batch of its own
        found.add(pa.table({"id": [name], "split": [split]}))
    return found


def test_the_same_documents_in_another_order_are_the_same(tmp_path: Path) -> None:
    kept = [("a", "train"), ("b", "train"), ("c", "val")]
    table = listed(publish_clusters(tmp_path / "clusters", kept, dropped=[("d", "train", "mixture")]))
    rows = compare(roll(*reversed(kept)), table, LEAST).to_pylist()
    assert [row["unlisted"] for row in rows] == [0, 0, 0]
    assert all(row["same_ids"] for row in rows)
    assert [row["lacking"] for row in rows] == [0, 1, 0]


def test_missing_and_exchanged_documents_are_seen(tmp_path: Path) -> None:
    table = listed(publish_clusters(tmp_path / "clusters", [("a", "train"), ("b", "train"), ("c", "val")]))
    train, val, _ = compare(roll(("a", "train"), ("x", "val")), table, LEAST).to_pylist()
    assert (train["unlisted"], train["same_ids"]) == (-1, False)
    assert (val["unlisted"], val["same_ids"]) == (0, False)


def test_a_table_whose_account_does_not_balance_is_refused(tmp_path: Path) -> None:
    short = publish_clusters(tmp_path / "short", [("a", "train")], documents=2)
    with pytest.raises(IntegrityError, match="short: the account does not balance: 2 in, but 1 kept"):
        listed(short)
    reasonless = publish_clusters(tmp_path / "reasonless", [("a", "train")], dropped=[("b", "train", "")])
    with pytest.raises(IntegrityError, match=r"reasonless: documents without a reason: .* 2 in, but 1 kept"):
        listed(reasonless)


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    with publishing(tmp_path / "clusters", kind="clusters", facts={"documents": 1}) as out:
        write_table(out / "clusters.parquet", pa.table({"id": ["a"], "split": ["train"], "kept": [True]}))
    with pytest.raises(DataError, match=r"clusters\.parquet: column 'reason' is missing"):
        listed(tmp_path / "clusters")
