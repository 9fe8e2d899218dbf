"""Artifacts: whole or not at all, the same bytes every time, and no damage goes unnoticed."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.artifacts import (
    MANIFEST,
    canonical_json,
    hash_file,
    hash_tree,
    open_artifact,
    publishing,
    read_json,
    read_table,
    write_bytes,
    write_json,
    write_table,
    writing_table,
)
from pipeline.errors import DataError, IntegrityError
from pipeline.records import DOCUMENT_SCHEMA, Document, shard_name, to_table


def documents(number: int) -> list[Document]:
    return [
        Document(f"files-{n:04d}", "files", f"{n}.txt", "", "", "{}", f"Text {n}. " * 20)
        for n in range(number)
    ]


def published(out: Path) -> Path:
    """A small artifact: a shard, a file in a folder, and a fact."""
    with publishing(out, kind="documents", facts={"documents": 30}) as folder:
        write_table(folder / shard_name(0), to_table(documents(30)))
        write_bytes(folder / "notes/deep.txt", b"deep")
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_published_can_be_opened_with_its_facts(tmp_path: Path) -> None:
    artifact = open_artifact(published(tmp_path / "a"), kind="documents")
    assert artifact.fact("documents") == 30
    assert read_table(artifact.file(shard_name(0)), schema=DOCUMENT_SCHEMA).num_rows == 30
    assert artifact.sha256 == hash_file(tmp_path / "a" / MANIFEST)
    with pytest.raises(IntegrityError, match=r"a/manifest\.json: fact 'tokens' is missing"):
        artifact.fact("tokens")


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    first = content(published(tmp_path / "a"))
    mask = os.umask(0o077)
    try:
        assert content(published(tmp_path / "elsewhere/b")) == first
    finally:
        os.umask(mask)


def test_every_flipped_bit_and_every_cut_is_noticed_in_every_file(tmp_path: Path) -> None:
    whole = published(tmp_path / "a")
    for name, data in content(whole).items():
        for place in range(0, len(data), max(1, len(data) // 40)):
            damaged = bytearray(data)
            damaged[place] ^= 1 << (place % 8)
            (whole / name).write_bytes(damaged)
            with pytest.raises(IntegrityError):
                open_artifact(whole, kind="documents")
            (whole / name).write_bytes(data[:place])
            with pytest.raises(IntegrityError):
                open_artifact(whole, kind="documents")
        (whole / name).write_bytes(data)
    open_artifact(whole, kind="documents")


def test_a_manifest_that_someone_edited_is_refused(tmp_path: Path) -> None:
    whole = published(tmp_path / "a")
    manifest = read_json(whole / MANIFEST)
    forgeries: list[object] = [
        {**manifest, "facts": {"documents": 31}},
        {name: value for name, value in manifest.items() if name != "sha256"},
        {**manifest, "files": []},
        [],
        "text",
        None,
    ]
    for forged in forgeries:
        write_json(whole / MANIFEST, forged)
        with pytest.raises(IntegrityError, match=r"a/manifest\.json: not the manifest that was written"):
            open_artifact(whole, kind="documents")
    (whole / MANIFEST).write_bytes(canonical_json(manifest).replace(b"\n", b"\r\n"))
    with pytest.raises(IntegrityError, match="not the manifest that was written"):
        open_artifact(whole, kind="documents")
    for text in ('{"facts": NaN}', "[" * 100_000, "\xff", ""):
        (whole / MANIFEST).write_text(text, encoding="latin-1")
        with pytest.raises(IntegrityError):
            open_artifact(whole, kind="documents")


def test_missing_extra_and_linked_files_are_refused_by_name(tmp_path: Path) -> None:
    whole = published(tmp_path / "a")

    def refused(match: str) -> None:
        with pytest.raises(IntegrityError, match=match):
            open_artifact(whole, kind="documents")

    shard = whole / shard_name(0)
    shard.rename(tmp_path / "shard")
    refused(r"shard-00000\.parquet: missing")
    shard.symlink_to(tmp_path / "shard")
    refused(r"shard-00000\.parquet: not the \d+ bytes")
    shard.unlink()
    shard.mkdir()
    refused(r"shard-00000\.parquet: missing")
    shard.rmdir()
    shutil.copyfile(tmp_path / "shard", shard)
    (whole / "extra.txt").write_text("")
    refused(r"extra\.txt: not in the manifest")
    (whole / "extra.txt").unlink()
    (whole / "link").symlink_to(tmp_path)
    refused(r"a/link: not in the manifest")
    (whole / "link").unlink()
    open_artifact(whole, kind="documents")


def test_the_wrong_kind_and_what_is_no_artifact_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="holds 'documents' where 'tokens' is needed"):
        open_artifact(published(tmp_path / "a"), kind="tokens")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "a" / shard_name(0)):
        with pytest.raises(IntegrityError, match=r"manifest\.json: missing"):
            open_artifact(path, kind="documents")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_a_body_that_fails_leaves_the_old_artifact_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    before = content(published(tmp_path / "a"))

    def publish_half() -> None:
        with publishing(tmp_path / "a", kind="documents", facts={}) as folder:
            (folder / "half").write_text("half")
            raise error

    with pytest.raises(error):
        publish_half()
    assert content(tmp_path / "a") == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_artifact_replaces_whatever_stood_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / ".file.writing").write_text("left over by a kill")
    (tmp_path / ".old.writing").mkdir()
    (tmp_path / ".old.writing/stale").write_text("left over by a kill")
    published(tmp_path / "old")
    for name in ("file", "link", "old"):
        assert set(content(published(tmp_path / name))) == {MANIFEST, shard_name(0), "notes/deep.txt"}
    assert (tmp_path / "kept").is_dir()
    assert not list(tmp_path.glob(".*.writing"))


def test_facts_may_be_filled_in_while_the_files_are_written(tmp_path: Path) -> None:
    facts: dict[str, int] = {}
    with publishing(tmp_path / "a", kind="empty", facts=facts):
        facts["documents"] = 0
    assert open_artifact(tmp_path / "a", kind="empty").fact("documents") == 0


def test_canonical_json_has_one_form_and_no_nan() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        y: float
        x: tuple[int, ...]

    assert canonical_json(Point(0.5, (1, 2))) == b'{\n "x": [\n  1,\n  2\n ],\n "y": 0.5\n}\n'
    assert canonical_json({"b": "ä", "a": None}) == canonical_json({"a": None, "b": "ä"})
    with pytest.raises(ValueError, match="Out of range float"):
        canonical_json({"loss": float("nan")})
    with pytest.raises(TypeError, match="PosixPath has no JSON form"):
        canonical_json({"path": Path("x")})


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError):
        write_bytes(tmp_path / "a.json", "text is not bytes")  # type: ignore[arg-type]
    assert read_json(tmp_path / "a.json") == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_table_that_cannot_be_written_leaves_the_old_one_alone(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", pa.table({"a": [1]}))
    before = hash_file(tmp_path / "a.parquet")
    with pytest.raises(pa.ArrowNotImplementedError):
        write_table(tmp_path / "a.parquet", pa.table({"a": pa.array([{}], pa.struct([]))}))
    assert hash_file(tmp_path / "a.parquet") == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_tables_come_back_equal_and_as_the_same_bytes_however_they_were_chunked(tmp_path: Path) -> None:
    table = to_table(documents(5000))
    chunked = pa.concat_tables([table.slice(0, 17), table.slice(17)])
    write_table(tmp_path / "a.parquet", table)
    write_table(tmp_path / "b.parquet", chunked.replace_schema_metadata({"pandas": "junk"}))
    assert hash_file(tmp_path / "a.parquet") == hash_file(tmp_path / "b.parquet")
    assert read_table(tmp_path / "a.parquet", schema=DOCUMENT_SCHEMA).equals(table)
    assert read_table(tmp_path / "a.parquet", schema=DOCUMENT_SCHEMA, columns=["id"]).column_names == ["id"]
    write_table(tmp_path / "empty.parquet", DOCUMENT_SCHEMA.empty_table())
    assert read_table(tmp_path / "empty.parquet", schema=DOCUMENT_SCHEMA).num_rows == 0


def test_no_flipped_bit_of_a_parquet_file_is_read_as_other_text(tmp_path: Path) -> None:
    table, path = to_table(documents(40)), tmp_path / "a.parquet"
    write_table(path, table)
    whole = path.read_bytes()
    noticed = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            assert read_table(path, schema=DOCUMENT_SCHEMA).equals(table), place  # a bit that says nothing
        except (IntegrityError, DataError):
            noticed += 1
    assert noticed > len(whole) * 0.7


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"<!DOCTYPE html><html>not found</html>", b"PAR1" + b"\0" * 99 + b"PAR1"]
)
def test_what_is_no_parquet_is_an_integrity_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(IntegrityError, match=r"a\.parquet: damaged Parquet"):
        read_table(tmp_path / "a.parquet", schema=DOCUMENT_SCHEMA)
    with pytest.raises(IntegrityError, match="missing"):
        read_table(tmp_path / "b.parquet", schema=DOCUMENT_SCHEMA)


def test_a_wrong_schema_names_the_column(tmp_path: Path) -> None:
    table, path = to_table(documents(3)), tmp_path / "a.parquet"
    text = DOCUMENT_SCHEMA.get_field_index("text")
    wrong = {
        "'text' is int64; must be string": table.set_column(text, "text", pa.array([1, 2, 3])),
        "'text' is dictionary": table.set_column(text, "text", table["text"].dictionary_encode()),
        "'id' is missing": table.drop_columns(["id"]),
        "'more' is not part of this table": table.append_column("more", pa.array([1, 2, 3])),
        "'text' has 1 nulls": table.set_column(text, "text", pa.array(["a", None, "c"])),
    }
    for words, bad in wrong.items():
        write_table(path, bad)
        with pytest.raises(DataError, match=rf"a\.parquet: column {words}") as caught:
            read_table(path, schema=DOCUMENT_SCHEMA)
        assert "\n" not in str(caught.value)


def test_the_hash_of_a_tree_follows_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/x").write_text("x")
    before = hash_tree(folder)
    shutil.copytree(folder, tmp_path / "b")
    assert hash_tree(tmp_path / "b") == before
    (folder / "deep/x").rename(folder / "deep/y")
    assert hash_tree(folder) != before
    (folder / "deep/y").rename(folder / "deep/x")
    (folder / "deep/x").write_text("y")
    assert hash_tree(folder) != before
    assert hash_tree(folder / "deep/x") != hash_tree(tmp_path / "b/deep/x")
    assert hash_tree(tmp_path / "missing") == hash_tree(tmp_path / "missing too")


def test_the_manifest_can_be_read_by_a_person(tmp_path: Path) -> None:
    manifest = json.loads((published(tmp_path / "a") / MANIFEST).read_text())
    assert manifest["kind"] == "documents"
    assert manifest["files"]["notes/deep.txt"]["bytes"] == 4
    assert manifest["version"] == 1


@pytest.mark.parametrize("rows", [0, 1, 4096, 10_000])
@pytest.mark.parametrize("at_once", [700, 5000])
def test_a_table_written_in_pieces_has_the_bytes_of_the_whole(
    tmp_path: Path, rows: int, at_once: int
) -> None:
    table = pa.table({"id": pa.array([f"{row:05d}" for row in range(rows)], pa.string())})
    write_table(tmp_path / "whole", table)
    with writing_table(tmp_path / "pieces", schema=table.schema) as write:
        for start in range(0, rows, at_once):
            write(table.slice(start, at_once))
    assert (tmp_path / "pieces").read_bytes() == (tmp_path / "whole").read_bytes()
