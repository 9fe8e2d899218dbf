"""measures: what is counted in a document, and that no document escapes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artifacts import publishing
from pipeline.corpus import measures as module
from pipeline.corpus.leakage import Likeness, sample_held_out
from pipeline.corpus.measures import MEASURE_SCHEMA, Measures, language_code, measure_splits, with_sharing
from pipeline.corpus.measures import measure as measure_normalized
from pipeline.corpus.shards import write_shards
from pipeline.corpus.shingles import normalize
from pipeline.errors import IntegrityError
from pipeline.records import Document
from tests.corpus.collections import named, prose, publish

HEADER = "You may copy it under the terms of the Project Gutenberg License included with this eBook."


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


def measure(document: Document, split: str) -> dict[str, str | int]:
    return measure_normalized(document, normalize(document.text), split)


def measured(corpus: Path, work: Path) -> Measures:
    likeness, probes = Likeness(5, 0.7), work / "probes.parquet"
    sample_held_out(corpus, probes, most=10, seed=1, likeness=likeness)
    return measure_splits(corpus, ("train", "val"), probes=probes, likeness=likeness, work=work)


def test_every_column_is_measured() -> None:
    row = measure(named("a", "naïve words\n\tof \u2581 \x07"), "val")
    assert list(row) == MEASURE_SCHEMA.names
    assert (row["id"], row["source"], row["split"]) == ("files-a", "files", "val")
    assert (row["chars"], row["words"], row["bytes"]) == (19, 5, 22)
    assert (row["control_characters"], row["word_markers"], row["licence_phrases"]) == (1, 1, 0)


def test_texts_that_are_one_to_deduplication_have_one_hash() -> None:
    assert (
        measure(named("a", "The  mill"), "train")["text_hash"]
        == measure(named("b", "the mill"), "val")["text_hash"]
    )


@pytest.mark.parametrize(
    "text",
    [
        "*** START OF THE PROJECT GUTENBERG EBOOK EMMA ***",
        "***END OF THIS PROJECT GUTENBERG EBOOK EMMA***",
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        HEADER,
        "the Project\nGutenberg Literary Archive Foundation",
        "1.A. By using Project Gutenberg-tm electronic works",
    ],
)
def test_the_legal_text_of_project_gutenberg_is_recognized(text: str) -> None:
    assert int(measure(named("a", f"{prose(1)}\n{text}\n{prose(2)}"), "train")["licence_phrases"]) >= 1


def test_talk_about_project_gutenberg_is_not_its_licence() -> None:
    text = "The corpus has 18 texts from Project Gutenberg; see the small print and its license."
    assert measure(named("a", text), "train")["licence_phrases"] == 0


def test_the_splits_are_measured_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 4)
    publish(tmp_path / "corpus" / "train", [named(str(n), prose(n)) for n in range(5)], shard_documents=2)
    publish(tmp_path / "corpus" / "val", [named("held", prose(9))])
    found = measured(tmp_path / "corpus", tmp_path / "work")
    batches = list(found.batches())
    assert [batch.num_rows for batch in batches] == [4, 2]
    together = pa.concat_tables(batches)
    assert together["id"].to_pylist() == [*(f"files-{n}" for n in range(5)), "files-held"]
    assert together["split"].to_pylist() == ["train"] * 5 + ["val"]
    assert found.shards["shard"].to_pylist()[0] == "train/shard-00000.parquet"
    assert sum(found.shards["documents"].to_pylist()) == 6


def test_a_shard_that_is_no_table_of_documents_is_told_about_and_not_measured(tmp_path: Path) -> None:
    publish(tmp_path / "corpus" / "train", [named("a", prose(1))])
    with publishing(tmp_path / "corpus" / "val", kind="documents", facts={"documents": 1}) as out:
        pq.write_table(pa.table({"id": ["b"], "text": [5]}), out / "shard-00000.parquet")
    found = measured(tmp_path / "corpus", tmp_path / "work")
    sound, wrong = found.shards["problem"].to_pylist()
    assert sound == ""
    assert wrong.endswith("val/shard-00000.parquet: column 'source' is missing")
    assert [batch.num_rows for batch in found.batches()] == [1]


def test_an_artifact_with_fewer_documents_than_it_says_is_refused(tmp_path: Path) -> None:
    publish(tmp_path / "corpus" / "val", [])
    with publishing(tmp_path / "corpus" / "train", kind="documents", facts={"documents": 2}) as out:
        write_shards([named("a", prose(1))], out)
    with pytest.raises(IntegrityError, match="2 in, but 1 kept"):
        measured(tmp_path / "corpus", tmp_path / "work")


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ('{"language": "en"}', "en"),
        ('{"language": "English"}', ""),
        ('{"identified_language": "de", "language": "en"}', "de"),
        ('{"identified_language": "de"}', "de"),
        ('{"language": 5}', ""),
        ("{}", ""),
        ("[1]", ""),
        ("{", ""),
    ],
)
def test_a_language_is_the_code_that_the_metadata_names(metadata: str, code: str) -> None:
    assert language_code(metadata) == code


def test_rows_are_told_how_many_share_their_id_and_text() -> None:
    rows = [measure(named(name, prose(1)), "train") for name in ("a", "b")]
    batch = pa.Table.from_pylist(rows, schema=MEASURE_SCHEMA)
    told = with_sharing(batch, same_id={}, same_text={str(rows[0]["text_hash"]): 2})
    assert told["same_id"].to_pylist() == [1, 1]
    assert told["same_text"].to_pylist() == [2, 2]
