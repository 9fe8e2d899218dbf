"""validate: a sound corpus passes with the same bytes each time, a bad one is stopped and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.artifacts import canonical_json, hash_tree, open_artifact, publishing, read_json, write_bytes
from pipeline.corpus.shards import read_shards
from pipeline.errors import DataError, IntegrityError
from pipeline.records import SPLITS, Document, to_table
from pipeline.settings.validate import ValidateParams
from pipeline.stage import Work
from stages.validate import ValidateMetrics, run
from tests.corpus.collections import VALIDATE as PARAMS
from tests.corpus.collections import edited, named, prose, publish, publish_clusters

ROOT = Path(__file__).resolve().parents[2]
LICENCE = "You may copy it under the terms of the Project Gutenberg License included with this eBook."


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    monkeypatch.chdir(tmp_path)


def corpus(folder: Path, *planted: Document, words: int = 80) -> Path:
    """A corpus of twenty documents in three splits, and the planted ones in the first."""
    sound = [named(f"{n:02d}", prose(n, words=words)) for n in range(20)]
    publish(folder / "train", [*sound[:12], *planted], shard_documents=5)
    publish(folder / "val", sound[12:16])
    publish(folder / "test", sound[16:])
    return with_clusters(folder)


def with_clusters(folder: Path) -> Path:
    """The corpus with the table of clusters that lists what it holds."""
    kept = [(document.id, split) for split in SPLITS for document in read_shards(folder / split)]
    publish_clusters(folder / "clusters", kept)
    return folder


def validated(folder: Path, given: Path, params: ValidateParams = PARAMS) -> ValidateMetrics:
    work, baseline = folder / "work", folder / "baseline"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    baseline.mkdir(exist_ok=True)
    return run(given, baseline, folder / "out", params=params, work=Work(work))


def accept(folder: Path, metrics: ValidateMetrics) -> None:
    """What accepting a run does with the stage's metrics."""
    write_bytes(folder / "baseline" / "validate.json", canonical_json(metrics))


def test_a_sound_corpus_opens_the_gate(tmp_path: Path) -> None:
    metrics = validated(tmp_path, corpus(tmp_path / "corpus"))
    gate = read_json(open_artifact(tmp_path / "out", kind="validation").file("gate.json"))
    assert len(gate["expectations"]) == metrics.expectations == 13
    assert all(expectation["passed"] for expectation in gate["expectations"])
    assert metrics.overall.documents == 20
    assert {split: held.documents for split, held in metrics.by_split.items()} == {
        "train": 12,
        "val": 4,
        "test": 4,
    }
    assert (metrics.drift.status, metrics.sampled) == ("no baseline", 8)


def test_the_gate_is_the_same_bytes_with_and_without_a_baseline(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus")
    metrics = validated(tmp_path, given)
    before = hash_tree(tmp_path / "out")
    accept(tmp_path, metrics)
    again = validated(tmp_path, given)
    assert hash_tree(tmp_path / "out") == before
    assert (again.drift.status, again.drift.change_share) == ("compared", 0.0)
    assert again.expectations == 15


def test_a_document_with_the_gutenberg_licence_stops_the_pipeline(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus", named("book", f"{prose(99)}\n\n{LICENCE}"))
    with pytest.raises(DataError) as refusal:
        validated(tmp_path, given)
    assert str(refusal.value) == (
        f"{given}: 1 of 13 expectations failed: (1) ExpectColumnValuesToBeBetween on licence_phrases: "
        "no text holds Project Gutenberg's licence or marks; broken by 1 of 21 documents, such as files-book"
        "; see reports/validate.html"
    )
    assert not (tmp_path / "out").exists()


def test_a_duplicated_id_stops_the_pipeline(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus", named("03", prose(99)))
    with pytest.raises(
        DataError, match=r"same_id: an id belongs to one document; broken by 2 of 21 documents, .* files-03"
    ):
        validated(tmp_path, given)


def test_every_failure_is_listed_at_once(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus", named("03", LICENCE), named("short", "too short"))
    with pytest.raises(
        DataError, match=r"3 of 13 .*\(1\) .* on same_id: .*\(2\) .* on chars: .*\(3\) .* on licence"
    ):
        validated(tmp_path, given)


@pytest.mark.parametrize(("split", "held"), [("val", 0), ("test", 1)])
def test_a_split_with_too_few_documents_stops_the_pipeline(tmp_path: Path, split: str, held: int) -> None:
    given = corpus(tmp_path / "corpus")
    publish(given / split, [named(f"other{n}", prose(100 + n)) for n in range(held)])
    with pytest.raises(DataError, match=f"val and test 3 each; broken by 1 of 3 splits, such as {split}"):
        validated(tmp_path, with_clusters(given))


def test_texts_of_another_length_than_the_baselines_stop_the_pipeline(tmp_path: Path) -> None:
    accept(tmp_path, validated(tmp_path, corpus(tmp_path / "corpus")))
    shutil.rmtree(tmp_path / "out")
    longer = corpus(tmp_path / "longer", words=200)
    with pytest.raises(DataError, match=r"on change: the mean text length is within 50% of the accepted"):
        validated(tmp_path, longer)
    assert not (tmp_path / "out").exists()
    metrics = validated(tmp_path, longer, replace(PARAMS, max_drift_share=2.0))
    assert metrics.drift.change_share == pytest.approx(1.5, abs=0.1)


def test_a_baseline_of_other_sources_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "baseline").mkdir()
    accepted = {"by_source": {"gutenberg": {"bytes": 5}}, "overall": {"mean_chars": 1e6}}
    write_bytes(tmp_path / "baseline" / "validate.json", canonical_json(accepted))
    assert validated(tmp_path, corpus(tmp_path / "corpus")).drift.status == "other sources"


def test_a_damaged_split_is_refused(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus")
    (given / "val" / "shard-00000.parquet").unlink()
    with pytest.raises(IntegrityError, match=r"val/shard-00000\.parquet: missing"):
        validated(tmp_path, given)


def test_a_near_duplicate_of_a_held_out_document_stops_the_pipeline(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus", named("twin", edited(prose(13), 5)))
    with pytest.raises(
        DataError, match=r"at most 0\.00% of sampled .* broken by 1 of 8 .*, such as files-13"
    ):
        validated(tmp_path, given)
    unchecked = validated(tmp_path, given, replace(PARAMS, near_duplicate_sample=0))
    assert unchecked.sampled == 0
    assert validated(tmp_path, given, replace(PARAMS, max_near_duplicate_share=0.2)).sampled == 8


def test_split_files_that_are_not_those_of_the_table_of_clusters_stop_the_pipeline(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus")
    publish(given / "val", [named(f"other{n}", prose(100 + n)) for n in range(5)])
    with pytest.raises(DataError, match=r"on unlisted: .*such as val.* on same_ids: .*such as val"):
        validated(tmp_path, given)


@pytest.mark.parametrize(
    "metadata",
    ['{"language":"fr"}', '{"identified_language":"fr"}', '{"identified_language":"fr","language":"en"}'],
)
def test_documents_in_another_language_than_asked_for_stop_the_pipeline(
    tmp_path: Path, metadata: str
) -> None:
    french = replace(named("bonjour", prose(99)), metadata=metadata)
    given = corpus(tmp_path / "corpus", french)
    assert validated(tmp_path, given).overall.documents == 21
    with pytest.raises(DataError, match=r"on language: .* one of en .*such as files-bonjour"):
        validated(tmp_path, given, replace(PARAMS, languages=("en",)))


def test_another_blend_of_sources_than_the_baselines_stops_the_pipeline(tmp_path: Path) -> None:
    book = named("book", prose(99), source="gutenberg")
    accept(tmp_path, validated(tmp_path, corpus(tmp_path / "corpus", book)))
    longer = named("book", prose(99, words=600), source="gutenberg")
    with pytest.raises(DataError, match=r"share of all text is within 20% .*such as share of files"):
        validated(tmp_path, corpus(tmp_path / "other", longer))


def test_the_page_of_a_refusal_shows_the_texts_and_goes_when_a_corpus_passes(tmp_path: Path) -> None:
    hostile = named("<i>x</i>", f"<script>alert(1)</script> \u202e\x1b {LICENCE} {prose(99)}")
    with pytest.raises(DataError):
        validated(tmp_path, corpus(tmp_path / "corpus", hostile))
    page = (tmp_path / "reports/validate.html").read_text()
    assert "<script" not in page
    assert "files-&lt;i&gt;x&lt;/i&gt;" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; ‹U+202E›‹U+001B›" in page
    assert "Broken by 1 of 21 documents" in page
    validated(tmp_path, corpus(tmp_path / "sound"))
    assert not (tmp_path / "reports/validate.html").exists()


def test_a_table_of_other_columns_stops_the_pipeline_with_the_columns_name(tmp_path: Path) -> None:
    given = corpus(tmp_path / "corpus")
    table = to_table(read_shards(given / "val")).drop_columns(["title"])
    with publishing(given / "val", kind="documents", facts={"documents": 4}) as out:
        pq.write_table(table, out / "shard-00000.parquet")
    with pytest.raises(DataError) as refusal:
        validated(tmp_path, given)
    problem = f"{given}/val/shard-00000.parquet: column 'title' is missing"
    assert f"1 of 5 shards, such as val/shard-00000.parquet ({problem})" in str(refusal.value)
    assert "column &#39;title&#39; is missing" in (tmp_path / "reports/validate.html").read_text()


@pytest.mark.faults
def test_the_command_ends_with_code_3_and_one_line(tmp_path: Path) -> None:
    corpus(tmp_path / "corpus", named("03", LICENCE))
    (tmp_path / "baseline").mkdir()
    (tmp_path / "code.json").write_text("{}\n")
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    arguments = ["code.json", "corpus", "baseline", "out", "metrics.json"]
    command = [sys.executable, "-m", "stages.validate", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("validate: DataError: corpus: ")
    assert "same_id: an id belongs to one document" in line
    assert "licence_phrases" in line
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "metrics.json").exists()
    assert line.endswith("; see reports/validate.html")
    assert "An id belongs to one document" in (tmp_path / "reports/validate.html").read_text()
