"""A table of the wrong columns between two stages: the stage that reads it refuses it, naming the column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artifacts import publishing
from pipeline.corpus.shards import read_shards
from pipeline.records import to_table
from tests.corner import Corner
from tests.corpus.collections import named, prose, publish, publish_clusters

READERS = {"clean@files": "data/ingest/files", "dedupe": "data/clean/files", "validate": "data/dedupe/val"}
AFTER_THE_GATE = {"train_bpe": "data/dedupe/train", "pack": "data/dedupe/val"}
pytestmark = pytest.mark.faults


def changed(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def with_null(table: pa.Table, name: str) -> pa.Table:
    return changed(table, name, pa.array([None, *table[name].to_pylist()[1:]], pa.string()))


WRONG: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "numbers for text": (
        lambda table: changed(table, "text", pa.array(range(table.num_rows))),
        "column 'text' is int64; must be string",
    ),
    "bytes for text": (
        lambda table: changed(table, "text", table["text"].cast(pa.binary())),
        "column 'text' is binary; must be string",
    ),
    "long strings": (
        lambda table: changed(table, "text", table["text"].cast(pa.large_string())),
        "column 'text' is large_string; must be string",
    ),
    "no id": (lambda table: table.drop_columns(["id"]), "column 'id' is missing"),
    "no text": (lambda table: table.drop_columns(["text"]), "column 'text' is missing"),
    "no column at all": (lambda table: table.select([]), "column 'id' is missing"),
    "one more column": (
        lambda table: table.append_column("more", table["id"]),
        "column 'more' is not part of this table",
    ),
    "a name in capitals": (
        lambda table: table.rename_columns([name.upper() for name in table.column_names]),
        "column 'id' is missing",
    ),
    "a text without value": (lambda table: with_null(table, "text"), "column 'text' has 1 nulls"),
    "an id without value": (lambda table: with_null(table, "id"), "column 'id' has 1 nulls"),
    "a dictionary": (
        lambda table: changed(table, "source", table["source"].dictionary_encode()),
        "column 'source' is dictionary<",
    ),
    "lists": (
        lambda table: changed(table, "title", pa.array([["a"]] * table.num_rows)),
        "column 'title' is list<",
    ),
}


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> Corner:
    """A corner with sound documents wherever a stage looks for some, and an open gate."""
    made = Corner(tmp_path_factory.mktemp("corner"), GRISTMILL_PROCESSES="1")
    params = made.path / "params.yaml"
    given = params.read_text(encoding="utf-8")
    params.write_text(given.replace("vocab_size: 512", "vocab_size: 400"), encoding="utf-8")
    documents = [named(f"{number:03d}", prose(number, words=100)) for number in range(60)]
    for folder in ("data/ingest/files", "data/clean/files", "data/dedupe/train"):
        publish(made.path / folder, documents[:40])
    publish(made.path / "data/dedupe/val", documents[40:50])
    publish(made.path / "data/dedupe/test", documents[50:])
    places = [("train", documents[:40]), ("val", documents[40:50]), ("test", documents[50:])]
    kept = [(document.id, split) for split, held in places for document in held]
    publish_clusters(made.path / "data/dedupe/clusters", kept)
    with publishing(made.path / "data/validate", kind="validation", facts={}):
        pass
    return made


def refused(corner: Corner, stage: str, folder: Path, wrong: pa.Table) -> str:
    """What the stage says of the table in the place of the documents there, which come back at the end."""
    sound = list(read_shards(folder))
    try:
        with publishing(folder, kind="documents", facts={"documents": wrong.num_rows, "bytes": 0}) as out:
            pq.write_table(wrong, out / "shard-00000.parquet", write_page_checksum=True)
        outcome = corner.run(stage)
    finally:
        publish(folder, sound)
    assert outcome.code == 3, outcome.stderr
    lines = outcome.stderr.splitlines()
    assert lines[-1].startswith(f"{stage}: DataError: ")
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("stage", READERS)
def test_a_wrong_table_is_refused_with_its_file_and_column(corner: Corner, stage: str, case: str) -> None:
    change, problem = WRONG[case]
    folder = corner.path / READERS[stage]
    said = refused(corner, stage, folder, change(to_table(read_shards(folder))))
    assert f"{READERS[stage]}/shard-00000.parquet: {problem}" in said
    assert (stage == "validate") == said.endswith("; see reports/validate.html")


@pytest.mark.parametrize("stage", AFTER_THE_GATE)
def test_a_wrong_table_is_refused_behind_the_gate_too(corner: Corner, stage: str) -> None:
    if stage == "pack":
        outcome = corner.run("train_bpe")
        assert outcome.code == 0, outcome.stderr
    folder = corner.path / AFTER_THE_GATE[stage]
    wrong = changed(to_table(read_shards(folder)), "text", pa.array(range(len(list(read_shards(folder))))))
    assert "column 'text' is int64; must be string" in refused(corner, stage, folder, wrong)


def test_ids_that_two_documents_have_are_refused_by_the_gate(corner: Corner) -> None:
    folder = corner.path / "data/dedupe/train"
    twice = pa.concat_tables([to_table(read_shards(folder)), to_table([named("000", prose(999))])])
    said = refused(corner, "validate", folder, twice.sort_by("id"))
    assert "an id belongs to one document; broken by 2 of 61 documents, such as files-000" in said
