"""splitting: draws per cluster that stay as they are, and sorted shards of bounded size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.artifacts import open_artifact
from pipeline.corpus import splitting
from pipeline.corpus.shards import read_shards, shard_paths
from pipeline.corpus.splitting import SPLITS, SplitShares, assign_splits, split_of, write_splits
from tests.corpus.collections import named, prose, publish

SHARES = SplitShares(val=0.1, test=0.2)


def test_shares_are_met_as_closely_as_chance_allows() -> None:
    drawn = Counter(split_of(f"files-{number}", SHARES, seed=1) for number in range(5000))
    assert drawn["test"] / 5000 == pytest.approx(0.2, abs=0.02)
    assert drawn["val"] / 5000 == pytest.approx(0.1, abs=0.02)


def test_another_seed_is_another_split() -> None:
    names = [f"files-{number}" for number in range(200)]
    one, other = ([split_of(name, SHARES, seed=seed) for name in names] for seed in (1, 2))
    assert one != other


def test_a_larger_validation_share_does_not_touch_the_test_split() -> None:
    for number in range(500):
        before = split_of(f"files-{number}", SHARES, seed=1)
        after = split_of(f"files-{number}", SplitShares(val=0.3, test=0.2), seed=1)
        assert (before == "test") == (after == "test")


def test_documents_of_one_cluster_share_its_split_and_more_documents_move_none() -> None:
    clusters = [f"files-{number // 3}" for number in range(300)]
    few = assign_splits(pa.table({"cluster": clusters[:150]}), SHARES, seed=1)["split"].to_pylist()
    many = assign_splits(pa.table({"cluster": clusters}), SHARES, seed=1)["split"].to_pylist()
    assert many[:150] == few
    assert all(len(set(many[first : first + 3])) == 1 for first in range(0, 300, 3))
    assert set(many) == set(SPLITS)


def test_splits_are_written_as_sorted_shards_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    monkeypatch.setattr(splitting, "SHARD_DOCUMENTS", 4)
    documents = [named(f"{number:02d}", prose(number)) for number in range(20)]
    shards = shard_paths(publish(tmp_path / "in", documents, shard_documents=6))
    rows = [
        {
            "id": document.id,
            "split": SPLITS[place % 2],
            "text_bytes": 500,
            "shard": place // 6,
            "row": place % 6,
        }
        for place, document in enumerate(documents)
    ]
    write_splits(pa.Table.from_pylist(rows[::-1]), shards, tmp_path / "out", work=tmp_path / "work")
    train = open_artifact(tmp_path / "out" / "train", kind="documents")
    assert [path.name for path in shard_paths(train.path)] == [
        f"shard-0000{number}.parquet" for number in range(3)
    ]
    assert list(read_shards(train.path)) == documents[::2]
    assert list(read_shards(tmp_path / "out" / "val")) == documents[1::2]
    assert train.facts == {"documents": 10, "bytes": 5000}
    assert shard_paths(open_artifact(tmp_path / "out" / "test", kind="documents").path) == []
