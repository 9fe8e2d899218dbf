"""leakage: a near duplicate in another split is found, whatever its size, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.corpus import leakage
from pipeline.corpus.leakage import Likeness, read_probes, sample_held_out, twins_in_shard
from pipeline.corpus.shards import read_shards
from pipeline.corpus.shingles import normalize
from tests.corpus.collections import edited, named, prose, publish

LIKENESS = Likeness(shingle_words=5, threshold=0.7)


def corpus(folder: Path) -> Path:
    """Forty documents to learn from, ten held out; of the first three of these near duplicates in train."""
    short, long = prose(100), prose(200, words=9000)
    train = [named(f"{n:02d}", prose(n)) for n in range(40)]
    twins = [
        named("twin-short", edited(short, 9)),
        named("twin-long", edited(long, 5, 4000)),
        named("distant", edited(prose(300), *range(0, 80, 7))),
    ]
    publish(folder / "train", [*train, *twins], shard_documents=9)
    publish(folder / "val", [named("short", short), named("long", long)])
    rest = [named(f"held{n}", prose(300 + n)) for n in range(8)]
    publish(folder / "test", [*rest, named("copy-within-test", edited(prose(301), 3))])
    return folder


def found(given: Path, folder: Path, *, most: int, seed: int = 1) -> dict[str, str]:
    path = folder / "probes.parquet"
    sample_held_out(given, path, most=most, seed=seed, likeness=LIKENESS)
    probes, pairs = read_probes(path), {}
    for split in ("train", "val", "test"):
        documents = list(read_shards(given / split))
        normalized = [normalize(document.text) for document in documents]
        ids = [document.id for document in documents]
        twins = twins_in_shard(ids, normalized, split, probes, LIKENESS)
        pairs |= {row["id"]: row["twin"] for row in twins.to_pylist()}
    return pairs


@pytest.mark.parametrize("batch_bytes", [100, 1 << 20])
def test_near_duplicates_across_splits_are_found_short_and_long(
    tmp_path: Path, batch_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leakage, "BATCH_BYTES", batch_bytes)
    pairs = found(corpus(tmp_path / "corpus"), tmp_path, most=100)
    assert pairs == {"files-short": "files-twin-short", "files-long": "files-twin-long"}


def test_the_sample_follows_from_the_seed(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus")
    samples = []
    for seed in (1, 1, 2):
        path = tmp_path / "probes.parquet"
        assert sample_held_out(given, path, most=4, seed=seed, likeness=LIKENESS) == 4
        samples.append(read_probes(path).ids)
    assert samples[0] == samples[1] != samples[2]


def test_no_sample_finds_nothing(tmp_path: Path) -> None:
    assert found(corpus(tmp_path / "corpus"), tmp_path, most=0) == {}
