"""measures: what is counted in a document, and that no document escapes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.artifacts import publishing
from pipeline.corpus.measures import MEASURE_SCHEMA, Lengths, lengths, lengths_by, measure, measure_splits
from pipeline.corpus.shards import write_shards
from pipeline.errors import IntegrityError
from tests.corpus.collections import named, prose, publish

HEADER = "You may copy it under the terms of the Project Gutenberg License included with this eBook."


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


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


def test_the_splits_are_measured_one_after_the_other(tmp_path: Path) -> None:
    publish(tmp_path / "corpus" / "train", [named(str(n), prose(n)) for n in range(5)], shard_documents=2)
    publish(tmp_path / "corpus" / "val", [])
    measures = measure_splits(tmp_path / "corpus", ("train", "val"), work=tmp_path / "work")
    assert measures["id"].to_pylist() == [f"files-{n}" for n in range(5)]
    assert set(measures["split"].to_pylist()) == {"train"}


def test_an_artifact_with_fewer_documents_than_it_says_is_refused(tmp_path: Path) -> None:
    with publishing(tmp_path / "corpus" / "train", kind="documents", facts={"documents": 2}) as out:
        write_shards([named("a", prose(1))], out)
    with pytest.raises(IntegrityError, match="2 in, but 1 kept"):
        measure_splits(tmp_path / "corpus", ("train",), work=tmp_path / "work")


def test_lengths_are_summed_up_by_value() -> None:
    rows = [
        measure(named(str(n), "x" * n, source="files" if n % 2 else "pydocs"), "train") for n in range(1, 101)
    ]
    measures = pa.Table.from_pylist(rows, schema=MEASURE_SCHEMA)
    assert list(lengths_by(measures, "source")) == ["files", "pydocs"]
    whole = lengths(measures)
    assert (whole.documents, whole.bytes, whole.mean_chars) == (100, 5050, 50.5)
    assert whole.percentiles_chars["50"] == 50
    assert whole.percentiles_chars["99"] == 99


def test_no_documents_have_no_length() -> None:
    assert lengths(MEASURE_SCHEMA.empty_table()) == Lengths(
        0, 0, 0.0, dict.fromkeys(("1", "5", "25", "50", "75", "95", "99"), 0)
    )
