"""splitting: draws per cluster that stay as they are, and sorted shards of bounded size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.artifacts import hash_file, open_artifact
from pipeline.corpus import splitting
from pipeline.corpus.catalogue import PLACE, ROW_BITS, StoredShard
from pipeline.corpus.deduplication import KEPT
from pipeline.corpus.shards import ShardEnds, read_shard, read_shards, shard_paths
from pipeline.corpus.splitting import SplitShares, assign_splits, split_of, write_splits
from pipeline.records import SPLITS
from pipeline.reuse import Results
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
    few, many = (
        next(assign_splits(iter([pa.table({"cluster": some})]), SHARES, seed=1))["split"].to_pylist()
        for some in (clusters[:150], clusters)
    )
    assert many[:150] == few
    assert all(len(set(many[first : first + 3])) == 1 for first in range(0, 300, 3))
    assert set(many) == set(SPLITS)


def test_splits_are_written_as_sorted_shards_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    monkeypatch.setattr(splitting, "ShardEnds", lambda: ShardEnds(max_documents=4))
    documents = [named(f"{number:02d}", prose(number)) for number in range(20)]
    paths = shard_paths(publish(tmp_path / "in", documents, shard_documents=6))
    place_of = {
        row.id: (shard, place)
        for shard, path in enumerate(paths)
        for place, row in enumerate(read_shard(path))
    }
    rows = [
        {
            "id": document.id,
            "split": SPLITS[place % 2],
            "source": "files",
            "reason": KEPT,
            "text_bytes": 500,
            PLACE: (place_of[document.id][0] << ROW_BITS) + place_of[document.id][1],
        }
        for place, document in enumerate(documents)
    ]
    shards = [StoredShard(path, hash_file(path)) for path in paths]
    results = Results(tmp_path / "work", code="")
    tables = (pa.Table.from_pylist(rows[start : start + 7]) for start in range(0, 20, 7))
    write_splits(tables, shards, tmp_path / "out", results=results)
    train = open_artifact(tmp_path / "out" / "train", kind="documents")
    names = [path.name for path in shard_paths(train.path)]
    assert names == [f"shard-{number:05d}.parquet" for number in range(len(names))]
    assert max(len(read_shard(path)) for path in shard_paths(train.path)) <= 4
    assert list(read_shards(train.path)) == documents[::2]
    assert list(read_shards(tmp_path / "out" / "val")) == documents[1::2]
    assert train.facts == {"documents": 10, "bytes": 5000}
    assert shard_paths(open_artifact(tmp_path / "out" / "test", kind="documents").path) == []
