"""dedupe: the account balances, near duplicates never straddle splits, equal inputs are equal bytes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.artifacts import hash_tree, open_artifact
from pipeline.corpus.shards import read_shards
from pipeline.errors import DataError, IntegrityError
from pipeline.records import SPLITS, Document
from pipeline.settings.dedupe import DedupeParams
from pipeline.settings.mixture import SourceMixture
from pipeline.stage import Work
from stages.dedupe import DedupeMetrics, run
from tests.corpus.collections import DEDUPE, UNMIXED, edited, named, prose, publish

PARAMS = DEDUPE


@pytest.fixture
def cleaned(tmp_path: Path) -> Path:
    """Sixty texts, exact duplicates of each tenth, two near duplicates of each fifth; an empty source."""
    texts = [named(f"{n:02d}", prose(n)) for n in range(60)]
    exact = [named(f"exact{n:02d}", prose(n).upper(), source="pydocs") for n in range(0, 60, 10)]
    near = [
        named(f"near{n:02d}-{k}", edited(prose(n), k), source="pydocs")
        for n in range(0, 60, 5)
        for k in (9, 50)
    ]
    publish(tmp_path / "clean" / "files", texts, shard_documents=13)
    publish(tmp_path / "clean" / "pydocs", exact + near, shard_documents=7)
    publish(tmp_path / "clean" / "gutenberg", [])
    return tmp_path / "clean"


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


def deduplicated(
    cleaned: Path, folder: Path, params: DedupeParams = PARAMS, *, evaluations: Path | None = None
) -> DedupeMetrics:
    (folder / "work").mkdir(parents=True)
    return run(cleaned, evaluations or folder, folder / "out", params=params, work=Work(folder / "work"))


def documents(out: Path) -> dict[str, list[Document]]:
    return {split: list(read_shards(out / split)) for split in SPLITS}


def test_every_document_is_kept_or_dropped_for_a_reason(cleaned: Path, tmp_path: Path) -> None:
    metrics = deduplicated(cleaned, tmp_path / "run")
    assert (metrics.documents_in, metrics.documents_kept) == (90, 60)
    assert metrics.dropped == {"contaminated": 0, "exact_duplicate": 6, "near_duplicate": 24}
    assert (metrics.clusters, metrics.largest_cluster) == (12, 4)
    assert sum(source.documents_in for source in metrics.by_source.values()) == 90
    assert sum(split.documents for split in metrics.splits.values()) == 60
    for split, held in documents(tmp_path / "run" / "out").items():
        assert len(held) == metrics.splits[split].documents > 0
        assert sum(len(document.text) for document in held) == metrics.splits[split].bytes
        assert sum(tally.documents for tally in metrics.splits[split].by_source.values()) == len(held)


def test_kept_documents_are_untouched_and_sorted(cleaned: Path, tmp_path: Path) -> None:
    deduplicated(cleaned, tmp_path / "run")
    given = {document.id: document for folder in cleaned.iterdir() for document in read_shards(folder)}
    for held in documents(tmp_path / "run" / "out").values():
        assert held == [given[document.id] for document in sorted(held, key=lambda document: document.id)]


def test_a_cluster_lies_in_one_split_with_every_member_told(cleaned: Path, tmp_path: Path) -> None:
    deduplicated(cleaned, tmp_path / "run")
    out = tmp_path / "run" / "out"
    rows = pq.read_table(
        open_artifact(out / "clusters", kind="clusters").file("clusters.parquet")
    ).to_pylist()
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert len(rows) == 90
    where = {document.id: split for split, held in documents(out).items() for document in held}
    split_of_cluster = {row["cluster"]: row["split"] for row in rows}
    for row in rows:
        assert row["split"] == split_of_cluster[row["cluster"]] == where[row["duplicate_of"]]
        assert row["kept"] == (row["id"] in where) == (row["reason"] == "")


def test_the_same_documents_in_other_shards_give_the_same_bytes(cleaned: Path, tmp_path: Path) -> None:
    first = deduplicated(cleaned, tmp_path / "one")
    everything = [document for folder in cleaned.iterdir() for document in read_shards(folder)]
    publish(tmp_path / "other" / "all", everything, shard_documents=50)
    assert deduplicated(tmp_path / "other", tmp_path / "two") == first
    assert hash_tree(tmp_path / "one" / "out") == hash_tree(tmp_path / "two" / "out")


def test_two_processes_give_the_same_bytes_as_one(
    cleaned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deduplicated(cleaned, tmp_path / "one")
    monkeypatch.setenv("GRISTMILL_PROCESSES", "2")
    assert deduplicated(cleaned, tmp_path / "two") == first
    assert hash_tree(tmp_path / "one" / "out") == hash_tree(tmp_path / "two" / "out")


def test_an_interrupted_run_goes_on_with_the_shards_that_are_left(cleaned: Path, tmp_path: Path) -> None:
    first = deduplicated(cleaned, tmp_path / "one")
    for results in ("signed", "written"):
        next((tmp_path / "one" / "work" / "cache" / results).glob("*.done.json")).unlink()
    (tmp_path / "one" / ".out.writing" / "train").mkdir(parents=True)
    written = hash_tree(tmp_path / "one" / "out")
    assert (
        run(cleaned, tmp_path, tmp_path / "one" / "out", params=PARAMS, work=Work(tmp_path / "one" / "work"))
        == first
    )
    assert hash_tree(tmp_path / "one" / "out") == written


def test_another_seed_moves_documents_but_keeps_the_same_ones(cleaned: Path, tmp_path: Path) -> None:
    deduplicated(cleaned, tmp_path / "one")
    deduplicated(cleaned, tmp_path / "two", replace(PARAMS, seed=2))
    one, two = documents(tmp_path / "one" / "out"), documents(tmp_path / "two" / "out")
    assert one["val"] != two["val"]
    assert {d.id for held in one.values() for d in held} == {d.id for held in two.values() for d in held}


def test_a_cap_thins_train_alone_and_what_it_left_out_is_counted(cleaned: Path, tmp_path: Path) -> None:
    whole = deduplicated(cleaned, tmp_path / "one")
    capped = replace(UNMIXED, files=SourceMixture(max_bytes=9000, weight=None))
    metrics = deduplicated(cleaned, tmp_path / "two", replace(PARAMS, mixture=capped))
    left_out = metrics.dropped["mixture"]
    assert left_out == whole.documents_kept - metrics.documents_kept > 0
    assert metrics.by_source["files"].dropped["mixture"] == left_out
    assert metrics.splits["train"].by_source["files"].bytes == metrics.mixture["files"].bytes <= 9000
    assert metrics.mixture["files"].bytes_in == whole.splits["train"].by_source["files"].bytes
    one, two = documents(tmp_path / "one" / "out"), documents(tmp_path / "two" / "out")
    assert (one["val"], one["test"]) == (two["val"], two["test"])
    assert {document.id for document in two["train"]} < {document.id for document in one["train"]}
    rows = pq.read_table(tmp_path / "two" / "out" / "clusters" / "clusters.parquet").to_pylist()
    assert sum(row["reason"] == "mixture" and not row["kept"] for row in rows) == left_out


def test_a_higher_threshold_keeps_more(cleaned: Path, tmp_path: Path) -> None:
    metrics = deduplicated(cleaned, tmp_path / "run", replace(PARAMS, jaccard_threshold=1.0))
    assert metrics.dropped == {"contaminated": 0, "exact_duplicate": 6, "near_duplicate": 0}


def test_no_documents_at_all_are_refused(tmp_path: Path) -> None:
    publish(tmp_path / "clean" / "files", [])
    with pytest.raises(DataError, match="clean: cleaning left no document"):
        deduplicated(tmp_path / "clean", tmp_path / "run")
    assert not (tmp_path / "run" / "out").exists()


def test_a_damaged_shard_is_refused(cleaned: Path, tmp_path: Path) -> None:
    shard = cleaned / "files" / "shard-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"shard-00001\.parquet"):
        deduplicated(cleaned, tmp_path / "run")


def test_the_metrics_are_plain_values(cleaned: Path, tmp_path: Path) -> None:
    assert (
        asdict(deduplicated(cleaned, tmp_path / "run"))["splits"]["train"]["by_source"]["files"]["documents"]
        > 0
    )


def test_what_has_text_of_an_evaluation_set_is_dropped_before_duplicates_are_looked_for(
    cleaned: Path, tmp_path: Path
) -> None:
    sets = tmp_path / "evaluations"
    (sets / "quiz").mkdir(parents=True)
    (sets / "quiz" / "items.txt").write_text(f"{prose(3)}\nshort\n{prose(500)}\n", encoding="utf-8")
    params = replace(PARAMS, decontaminate=("quiz",))
    metrics = deduplicated(cleaned, tmp_path / "run", params, evaluations=sets)
    assert metrics.dropped == {"contaminated": 1, "exact_duplicate": 6, "near_duplicate": 24}
    assert (metrics.documents_in, metrics.documents_kept) == (90, 59)
    tally = metrics.contamination["quiz"]
    assert (tally.items, tally.items_too_short, tally.items_hit, tally.documents_hit) == (3, 1, 1, 1)
    rows = pq.read_table(tmp_path / "run/out/clusters/clusters.parquet").to_pylist()
    (row,) = (row for row in rows if row["reason"] == "contaminated")
    assert (row["id"], row["cluster"], row["kept"], row["duplicate_of"]) == (
        "files-03",
        "files-03",
        False,
        "",
    )


def test_a_corpus_that_is_nothing_but_an_evaluation_set_is_refused(tmp_path: Path) -> None:
    publish(tmp_path / "clean" / "files", [named("a", prose(1))])
    (tmp_path / "quiz.txt").write_text(prose(1), encoding="utf-8")
    with pytest.raises(DataError, match="decontaminate: every document has text of these sets"):
        deduplicated(
            tmp_path / "clean",
            tmp_path / "run",
            replace(PARAMS, decontaminate=("quiz.txt",)),
            evaluations=tmp_path,
        )


def test_one_document_is_a_corpus(tmp_path: Path) -> None:
    publish(tmp_path / "clean" / "files", [named("a", prose(1))])
    metrics = deduplicated(tmp_path / "clean", tmp_path / "run")
    assert (metrics.documents_kept, metrics.clusters, metrics.largest_cluster) == (1, 0, 1)
    assert sum(len(held) for held in documents(tmp_path / "run" / "out").values()) == 1
