"""People's own files become documents, and what cannot is counted or refused with its place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.sources import files
from pipeline.errors import DataError, IntegrityError
from pipeline.records import Document
from pipeline.settings.ingest import FilesParams


def items(folder: Path, *, text_column: str = "text") -> list[Document | Rejected]:
    parts = files.parts(folder, FilesParams(True, text_column, "CC0-1.0", 0.01), downloads=Path("unused"))
    return [item for part in parts.values() for item in files.read(part)]


def documents(folder: Path) -> dict[str, Document]:
    return {item.origin: item for item in items(folder) if isinstance(item, Document)}


def rejected(folder: Path) -> dict[str, str]:
    return {item.origin: item.reason for item in items(folder) if isinstance(item, Rejected)}


def test_every_form_of_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.txt").write_bytes(b"caf\xe9")
    (tmp_path / "b.md").write_text("# Title", encoding="utf-8")
    (tmp_path / "c.jsonl").write_text('{"text": "one", "title": "One"}\n\n{"text": "two"}\n')
    pq.write_table(pa.table({"text": ["three", "four"], "n": [1, 2]}), tmp_path / "d.parquet")
    found = documents(tmp_path)
    assert {origin: item.text for origin, item in found.items()} == {
        "sub/a.txt": "café",
        "b.md": "# Title",
        "c.jsonl:1": "one",
        "c.jsonl:3": "two",
        "d.parquet:1": "three",
        "d.parquet:2": "four",
    }
    assert found["c.jsonl:1"].title == "One"
    assert found["sub/a.txt"].title == "a"
    assert {item.licence for item in found.values()} == {"CC0-1.0"}
    assert json.loads(found["sub/a.txt"].metadata) == {"encoding": "cp1252"}


def test_what_cannot_be_taken_is_counted_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_TEXT_BYTES", 1000)
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "b.txt").write_bytes("text".encode("utf-16-le"))
    (tmp_path / "c.txt").write_text("x" * 1001)
    long = json.dumps({"text": "x" * 2500})
    nested = "[" * 900
    lines = [
        '{"text": "fine"}',
        "not json",
        "[1]",
        nested,
        '{"text": null}',
        '{"other": 1}',
        '{"text": 3}',
        long,
    ]
    (tmp_path / "d.jsonl").write_text("\n".join([*lines, '{"text": "last \\ud800"}']))
    pq.write_table(pa.table({"text": ["fine", None]}), tmp_path / "e.parquet")
    assert rejected(tmp_path) == {
        "a.pdf": "unknown_format",
        "b.txt": "undecodable",
        "c.txt": "too_large",
        "d.jsonl:2": "not_json",
        "d.jsonl:3": "not_json",
        "d.jsonl:4": "not_json",
        "d.jsonl:5": "no_text",
        "d.jsonl:6": "no_text",
        "d.jsonl:7": "no_text",
        "d.jsonl:8": "too_large",
        "e.parquet:2": "no_text",
    }
    assert documents(tmp_path)["d.jsonl:9"].text == "last \ufffd"


def test_damage_in_utf8_is_counted_in_the_metadata(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("много текста".encode() + b"\xd0")
    assert json.loads(documents(tmp_path)["a.txt"].metadata) == {"encoding": "utf-8", "undecodable_bytes": 1}


def test_a_wrong_text_column_is_refused_with_file_line_and_field(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('nonsense\n{"body": "x", "id": 1}\n{"body": "y"}\n')
    with pytest.raises(DataError, match=r"a\.jsonl: no line has the field 'text' \(line 2 has body, id\)"):
        items(tmp_path)
    (tmp_path / "a.jsonl").unlink()
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: column 'text' is missing; it has body"):
        items(tmp_path)
    pq.write_table(pa.table({"text": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: column 'text' is int64; must be text"):
        items(tmp_path)


@pytest.mark.parametrize(
    "content", [b"nonsense\n[1]\n", '{"text": "x"}\n{"text": "y"}\n'.encode("utf-16"), b"\n\0\n"]
)
def test_a_file_without_one_json_object_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.jsonl: no line is a JSON object in UTF-8"):
        items(tmp_path)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_every_arrow_form_of_text_is_read(kind: pa.DataType, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array(["a", "b", None]).cast(kind)}), tmp_path / "a.parquet")
    assert Counter(type(item) for item in items(tmp_path)) == {Document: 2, Rejected: 1}


def test_damaged_parquet_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["some text that is long enough"] * 200})
    pq.write_table(table, path, write_page_checksum=True, compression="none")
    whole = path.read_bytes()
    place = whole.index(b"long enough")
    flipped = whole[:place] + b"L" + whole[place + 1 :]
    for damaged in (b"", b"<html>", whole[:-20], flipped):
        path.write_bytes(damaged)
        with pytest.raises(IntegrityError, match=r"a\.parquet: damaged Parquet"):
            items(tmp_path)


def test_an_empty_folder_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*")
    with pytest.raises(DataError, match=r"no files; put text there or set ingest\.files\.enabled"):
        items(tmp_path)
