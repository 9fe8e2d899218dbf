"""The only reader and writer of artifacts: atomic, hashed, byte-stable.

An *artifact* is a folder with a `manifest.json` that names its kind, its format version, the size and
SHA-256 of every other file in it, and the facts a later stage may ask about it. It appears under its name by
one rename, after everything in it has reached the disk; it is verified when it is opened. The same content
is always the same bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.durability import flush, writing
from pipeline.errors import DataError, IntegrityError

MANIFEST = "manifest.json"
ROW_GROUP_ROWS = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class Artifact:
    """An opened, verified artifact. `facts` is what its writer recorded about it; `sha256` identifies all of
    it.
    """

    path: Path
    kind: str
    facts: Mapping[str, Any]
    sha256: str
    hashes: Mapping[str, str]  # SHA-256 of each file that the manifest lists, by its name

    def file(self, name: str) -> Path:
        """The path of a file that the manifest lists (and that was verified)."""
        return self.path / name

    def fact(self, name: str) -> Any:
        """One recorded fact; IntegrityError when the manifest lacks it."""
        if name not in self.facts:
            raise IntegrityError(f"{self.path / MANIFEST}: fact {name!r} is missing; rebuild this artifact")
        return self.facts[name]


@contextlib.contextmanager
def publishing(out: Path, *, kind: str, facts: dict[str, Any], version: int = 1) -> Iterator[Path]:
    """A folder to write files into; on a clean exit it becomes the artifact `out`, at once and whole.

    `facts` is read at the end, so the body may fill it. Whatever was at `out` is replaced. On an error
    nothing appears.
    """
    staging = out.with_name(f".{out.name}.writing")
    _remove(staging)
    staging.mkdir(parents=True)
    try:
        yield staging
        _write_manifest(staging, kind=kind, version=version, facts=facts)
        replace_folder(staging, out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def open_artifact(path: Path, *, kind: str) -> Artifact:
    """Reads the manifest and verifies it and every file against it.

    Raises IntegrityError for a missing, foreign, resized or altered file, or when the artifact is of another
    kind.
    """
    manifest = _verified_manifest(path / MANIFEST)
    if manifest["kind"] != kind:
        raise IntegrityError(f"{path}: holds {manifest['kind']!r} where {kind!r} is needed")
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*")}
    present = {name for name, file in files.items() if file.is_symlink() or not file.is_dir()} - {MANIFEST}
    for name in sorted(present ^ manifest["files"].keys()):
        problem = "not in the manifest" if name in present else "missing"
        raise IntegrityError(f"{path / name}: {problem}; rebuild it")
    for name, expected in sorted(manifest["files"].items()):
        if files[name].is_symlink() or files[name].stat().st_size != expected["bytes"]:
            raise IntegrityError(
                f"{path / name}: not the {expected['bytes']} bytes that were written; rebuild it"
            )
        if hash_file(files[name]) != expected["sha256"]:
            raise IntegrityError(f"{path / name}: its SHA-256 is not the one that was written; rebuild it")
    hashes = {name: expected["sha256"] for name, expected in manifest["files"].items()}
    return Artifact(path, kind, manifest["facts"], hash_file(path / MANIFEST), hashes)


def read_json(path: Path) -> Any:
    """The JSON value in the file; IntegrityError when it is missing or not JSON."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise IntegrityError(f"{path}: missing; rebuild it") from error
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path}: not valid JSON ({error}); rebuild it") from error


def write_json(path: Path, value: Any) -> None:
    """Writes canonical JSON (sorted keys, UTF-8, no NaN) atomically."""
    write_bytes(path, canonical_json(value))


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value; dataclasses become objects. ValueError for NaN and infinities."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False, default=_plain)
    return (text + "\n").encode("utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes the file so that it is there whole or not at all, even when the machine stops."""
    with writing(path) as staging:
        staging.write_bytes(data)


def write_table(path: Path, table: pa.Table) -> None:
    """Writes Parquet with fixed settings and page checksums, so that equal tables are equal bytes; at once
    and whole.
    """
    with writing_table(path, schema=table.schema) as write:
        write(table)


@contextlib.contextmanager
def writing_table(path: Path, *, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """A function that writes the next rows: all of them give the bytes of `write_table` on the whole.

    About ROW_GROUP_ROWS of them are in memory. The file appears at the end, at once and whole.
    """
    schema = schema.remove_metadata()
    rest, is_empty = schema.empty_table(), True

    def write(table: pa.Table) -> None:
        nonlocal rest, is_empty
        rest = pa.concat_tables([rest, table.replace_schema_metadata(None).cast(schema)])
        while rest.num_rows >= ROW_GROUP_ROWS:
            file.write_table(rest.slice(0, ROW_GROUP_ROWS).combine_chunks(), row_group_size=ROW_GROUP_ROWS)
            rest, is_empty = rest.slice(ROW_GROUP_ROWS), False

    with (
        writing(path) as staging,
        pq.ParquetWriter(
            staging,
            schema,
            compression="zstd",
            compression_level=3,
            write_page_checksum=True,
            use_dictionary=False,
            write_statistics=False,
        ) as file,
    ):
        yield write
        if rest.num_rows or is_empty:
            file.write_table(rest.combine_chunks(), row_group_size=ROW_GROUP_ROWS)


def read_table(path: Path, *, schema: pa.Schema, columns: list[str] | None = None) -> pa.Table:
    """Reads a Parquet file, verifying page checksums and that its columns are those of `schema`.

    Raises IntegrityError for damaged bytes, DataError naming the column for a wrong schema or missing value,
    OSError when the machine has no more files or memory to open it with.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _require_schema(path, file.schema_arrow, schema)
            table = file.read(columns=columns)
    except FileNotFoundError as error:
        raise IntegrityError(f"{path}: missing; rebuild it") from error
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise  # the file may be as good as ever
        what = str(error).partition("\n")[0]
        raise IntegrityError(f"{path}: damaged Parquet ({what}); rebuild it") from error
    for name in table.column_names:
        if table[name].null_count and not schema.field(name).nullable:
            raise DataError(
                f"{path}: column {name!r} has {table[name].null_count} nulls; every row needs a value"
            )
    return table


def hash_file(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_tree(path: Path) -> str:
    """One SHA-256 over names and contents of a file or of every file below a folder; a missing path has one
    too.
    """
    digest = hashlib.sha256()
    if path.is_file():
        files = [path]
    else:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    for file in files:
        digest.update(f"{file.relative_to(path)}\0{hash_file(file)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def replace_folder(staging: Path, out: Path) -> None:
    """Flushes everything below `staging` to the disk and renames it to `out`, replacing what is there."""
    for folder, _, names in os.walk(staging):
        for name in names:
            flush(Path(folder, name))
        flush(Path(folder))
    _remove(out)
    os.replace(staging, out)
    flush(out.parent)


def _write_manifest(folder: Path, *, kind: str, version: int, facts: Mapping[str, Any]) -> None:
    """Writes the manifest: kind, version, facts, each file's size and hash, and the hash of all that."""
    files = {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": hash_file(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    write_bytes(
        folder / MANIFEST, _sealed({"kind": kind, "version": version, "files": files, "facts": facts})
    )


def _verified_manifest(path: Path) -> dict[str, Any]:
    """The manifest in the file; IntegrityError unless it is byte for byte what `_write_manifest` wrote."""
    manifest = read_json(path)
    try:
        body = {name: value for name, value in manifest.items() if name != "sha256"}
        if path.read_bytes() == _sealed(body) and body.keys() >= {"kind", "files", "facts"}:
            return body
    except (AttributeError, ValueError):  # no JSON object, or one with a NaN
        pass
    raise IntegrityError(f"{path}: not the manifest that was written; rebuild this artifact")


def _sealed(manifest: dict[str, Any]) -> bytes:
    """The manifest's bytes with their own hash in them."""
    return canonical_json({**manifest, "sha256": hashlib.sha256(canonical_json(manifest)).hexdigest()})


def _remove(path: Path) -> None:
    """Removes the folder, file or link, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _require_schema(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    for field in wanted:
        at = found.get_field_index(field.name)
        if at < 0:
            raise DataError(f"{path}: column {field.name!r} is missing")
        if found.field(at).type != field.type:
            raise DataError(f"{path}: column {field.name!r} is {found.field(at).type}; must be {field.type}")
    extra = [name for name in found.names if name not in wanted.names]
    if extra:
        raise DataError(f"{path}: column {extra[0]!r} is not part of this table")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
