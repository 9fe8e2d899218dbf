"""People's own files become documents, and what cannot is counted or refused with its place."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
import lzma
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.corpus import tables
from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.sources import files
from pipeline.errors import DataError, IntegrityError
from pipeline.records import Document
from pipeline.settings.ingest import FilesParams
from tests.corpus.dumps import crash


def items(
    folder: Path,
    *,
    text_column: str = "text",
    metadata_columns: tuple[str, ...] = (),
    patterns: tuple[str, ...] = ("**",),
) -> list[Document | Rejected]:
    params = FilesParams(True, patterns, text_column, metadata_columns, "CC0-1.0", 0.01)
    parts = files.parts(folder, params, downloads=Path("unused"))
    return [item for part in parts.values() for item in files.read(part)]


def documents(folder: Path) -> dict[str, Document]:
    return {item.origin: item for item in items(folder) if isinstance(item, Document)}


def rejected(folder: Path) -> dict[str, str]:
    return {item.origin: item.reason for item in items(folder) if isinstance(item, Rejected)}


def test_every_form_of_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.txt").write_bytes(b"caf\xe9")
    (tmp_path / "e.html").write_text("<title>Five</title><nav>Home</nav><p>five")
    (tmp_path / "f.csv").write_text('title,text\nSix,"six\n6"\nSeven,seven\n')
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
        "e.html": "five",
        "f.csv:3": "six\n6",
        "f.csv:4": "seven",
    }
    assert found["c.jsonl:1"].title == "One"
    assert (found["e.html"].title, found["f.csv:4"].title) == ("Five", "Seven")
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
    (tmp_path / "f.htm").write_text("<nav>Home</nav>")
    (tmp_path / "g.csv").write_bytes(b'text,n\r\nfine,1\r\nshort\r\na,b,c\r\n"",1\r\n\x81\x8d,2\r\n\r\n')
    for name in ("h.gz", "i.parquet.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"text"))
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
        "f.htm": "no_main_text",
        "g.csv:3": "ragged_row",
        "g.csv:4": "ragged_row",
        "g.csv:5": "no_text",
        "g.csv:6": "undecodable",
        "h.gz": "unknown_format",
        "i.parquet.gz": "unknown_format",
    }
    assert documents(tmp_path)["d.jsonl:9"].text == "last \ufffd"


def test_packed_files_are_read_as_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "one"}\n{"text": "two"}\n'))
    (tmp_path / "b.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(b'{"text": "three"}'))
    (tmp_path / "c.txt.xz").write_bytes(lzma.compress(b"four"))
    (tmp_path / "d.csv.bz2").write_bytes(bz2.compress(b"text\nfive\n"))
    found = documents(tmp_path)
    assert {origin: item.text for origin, item in found.items()} == {
        "a.jsonl.gz:1": "one",
        "a.jsonl.gz:2": "two",
        "b.jsonl.zst:1": "three",
        "c.txt.xz": "four",
        "d.csv.bz2:2": "five",
    }
    assert found["c.txt.xz"].title == "c"
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "one"}\n')[:-9])
    with pytest.raises(IntegrityError, match=r"a\.jsonl\.gz: cut before its end"):
        items(tmp_path)


def test_chosen_columns_become_metadata(tmp_path: Path) -> None:
    date = datetime.date(2026, 1, 2)
    (tmp_path / "a.jsonl").write_text(
        '{"text": "x", "url": "u", "n": 3, "tags": ["b", "a"]}\n{"text": "y"}\n'
    )
    (tmp_path / "b.csv").write_text("url,text,n,tags\nv,x,4,c\n")
    table = {"text": ["x"], "url": [None], "n": [0.5], "tags": [date]}
    pq.write_table(pa.table(table), tmp_path / "c.parquet")
    columns = ("url", "n", "tags")
    found = {
        item.origin: item for item in items(tmp_path, metadata_columns=columns) if isinstance(item, Document)
    }
    assert {origin: json.loads(item.metadata) for origin, item in found.items()} == {
        "a.jsonl:1": {"url": "u", "n": 3, "tags": '["b", "a"]'},
        "a.jsonl:2": {},
        "b.csv:2": {"url": "v", "n": "4", "tags": "c"},
        "c.parquet:1": {"n": "0.5", "tags": '"2026-01-02"'},
    }


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_a_metadata_column_that_is_nowhere_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n')
    (tmp_path / "a.csv").write_text("text\nx\n")
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=rf"{name}: .*'url'"):
        items(tmp_path, metadata_columns=("url",), patterns=(name,))


def test_only_files_that_patterns_name_are_read(tmp_path: Path) -> None:
    for name in ("a.txt", "b.pdf", "sub/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    assert [item.origin for item in items(tmp_path, patterns=("*.txt", "sub/**"))] == ["a.txt", "sub/c.txt"]
    with pytest.raises(DataError, match=r"ingest\.files\.patterns: '\*\.tex' matches no file"):
        items(tmp_path, patterns=("*.tex",))


def test_csv_is_read_with_marks_other_encodings_and_long_values(tmp_path: Path) -> None:
    long = "word " * 100_000
    (tmp_path / "a.csv").write_bytes(f'\ufefftext\n"{long}"\n'.encode() + b"caf\xe9\n")
    assert [item.text for item in documents(tmp_path).values()] == [long, "café"]


def test_csv_that_never_closes_a_quotation_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_LINE_BYTES", 1000)
    (tmp_path / "a.csv").write_text('text\nfine\n"open\n' + "more\n" * 1000)
    with pytest.raises(DataError, match=r"a\.csv line \d+: field larger than field limit \(1000\)"):
        items(tmp_path)
    (tmp_path / "a.csv").write_text("text\nfine\n" + "x" * 2000)
    with pytest.raises(DataError, match=r"a\.csv line 3: over 0 MiB"):
        items(tmp_path)


def test_a_page_that_no_parser_survives_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "read_page", crash)
    (tmp_path / "a.html").write_text("<p>text")
    (tmp_path / "b.html").write_text("x" * (files.MAX_PAGE_BYTES + 1))
    assert rejected(tmp_path) == {"a.html": "too_complex", "b.html": "too_large"}


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
    (tmp_path / "a.csv").write_text("body,n\nx,1\n")
    with pytest.raises(DataError, match=r"a\.csv: column 'text' is missing; it has body, n"):
        items(tmp_path)
    (tmp_path / "a.csv").unlink()
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


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_every_arrow_form_of_text_is_read(kind: pa.DataType, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array(["a", "b", None]).cast(kind)}), tmp_path / "a.parquet")
    assert Counter(type(item) for item in items(tmp_path)) == {Document: 2, Rejected: 1}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": pa.array([["a"]])}, "column 'text' is list<element: string>; must be text"),
        ({"text": pa.array([{"a": "x"}])}, "column 'text' is struct<a: string>; must be text"),
        ({"text": pa.array([b"a"])}, "column 'text' is binary; must be text"),
        ({"text": pa.array([None])}, "column 'text' is null; must be text"),
        ({"id": pa.array(["a"])}, "column 'text' is missing; it has id"),
    ],
)
def test_a_column_that_holds_no_text_is_named(
    columns: dict[str, pa.Array], said: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=rf"a\.parquet: {said}"):
        items(tmp_path)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["text", "text"])
    pq.write_table(twice, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: has 2 columns named 'text'; rename one"):
        items(tmp_path)
    (tmp_path / "a.parquet").unlink()
    (tmp_path / "a.csv").write_text("text,text\nx,y\n")
    with pytest.raises(DataError, match=r"a\.csv: has 2 columns named 'text'; rename one"):
        items(tmp_path)


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
