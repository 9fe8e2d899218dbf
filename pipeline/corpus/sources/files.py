"""Your own text: the .txt, .md, .jsonl and .parquet files below `data/sources/files`.

A .txt or .md file is one document, a line of .jsonl and a row of .parquet another. What cannot be taken is
dropped for a counted reason:

    unknown_format  a file with another ending
    too_large       a text file or line of more than MAX_TEXT_BYTES
    undecodable     bytes that are no text (see pipeline/corpus/decoding.py)
    not_json        a line that is no JSON object
    no_text         a line or row without text in the text column

A .jsonl or .parquet file of which no row at all has the column is a mistake in `text_column`, and a .jsonl
file without one line that is a JSON object in UTF-8 is none: DataError names it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.corpus.decoding import decode
from pipeline.corpus.folders import files_below, grouped_by_size, relative_name
from pipeline.corpus.ingestion import Rejected, document
from pipeline.corpus.tables import text_rows
from pipeline.errors import DataError
from pipeline.records import Document
from pipeline.settings.ingest import FilesParams

SOURCE = "files"
PART_BYTES = 32 * 2**20
MAX_TEXT_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """Some files of the folder, to be read one after the other."""

    folder: Path
    paths: tuple[Path, ...]
    text_column: str
    licence: str


def parts(folder: Path, params: FilesParams, *, downloads: Path) -> Mapping[str, Part]:
    """All files of the folder in groups of about PART_BYTES. DataError when there are none."""
    del downloads  # nothing is fetched
    paths = files_below(folder)
    if not paths:
        raise DataError(f"{folder}: no files; put text there or set ingest.files.enabled to false")
    groups = grouped_by_size(paths, max_bytes=PART_BYTES)
    return {
        name: Part(folder, tuple(group), params.text_column, params.licence) for name, group in groups.items()
    }


def read(part: Part) -> Iterator[Document | Rejected]:
    """The documents of every file of the part."""
    readers = {".txt": _whole_file, ".md": _whole_file, ".jsonl": _json_lines, ".parquet": _table_rows}
    for path in part.paths:
        reader = readers.get(path.suffix.lower())
        if reader is None:
            yield Rejected(relative_name(path, part.folder), "unknown_format")
        else:
            yield from reader(path, part)


def _whole_file(path: Path, part: Part) -> Iterator[Document | Rejected]:
    origin = relative_name(path, part.folder)
    if path.stat().st_size > MAX_TEXT_BYTES:
        yield Rejected(origin, "too_large")
        return
    decoded = decode(path.read_bytes())
    if decoded is None:
        yield Rejected(origin, "undecodable")
        return
    metadata: dict[str, str | int] = {"encoding": decoded.encoding}
    if decoded.replaced:
        metadata["undecodable_bytes"] = decoded.replaced
    yield document(SOURCE, origin, decoded.text, title=path.stem, licence=part.licence, metadata=metadata)


def _json_lines(path: Path, part: Part) -> Iterator[Document | Rejected]:
    name = relative_name(path, part.folder)
    objects, with_column, not_json, seen = 0, 0, 0, ""
    with open(path, "rb") as file:
        for number, line in _lines(file):
            origin = f"{name}:{number}"
            if line is None:
                yield Rejected(origin, "too_large")
                continue
            values = _json_object(line)
            if values is None:
                not_json += 1
                yield Rejected(origin, "not_json")
                continue
            objects += 1
            with_column += part.text_column in values
            seen = seen or f"line {number} has {', '.join(sorted(values)) or 'none'}"
            yield _row(origin, values.get(part.text_column), part, title=values.get("title"))
    if objects and not with_column:
        raise DataError(
            f"{path}: no line has the field {part.text_column!r} ({seen}); set ingest.files.text_column"
        )
    if not_json and not objects:
        raise DataError(
            f"{path}: no line is a JSON object in UTF-8; write one object a line, or remove the file"
        )


def _table_rows(path: Path, part: Part) -> Iterator[Document | Rejected]:
    name = relative_name(path, part.folder)
    for number, text in enumerate(text_rows(path, column=part.text_column), start=1):
        yield _row(f"{name}:{number}", text, part)


def _row(origin: str, text: object, part: Part, title: object = None) -> Document | Rejected:
    if not isinstance(text, str):
        return Rejected(origin, "no_text")
    return document(SOURCE, origin, text, title=title if isinstance(title, str) else "", licence=part.licence)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Number and bytes of every line that is not blank; None for the bytes of one over MAX_TEXT_BYTES."""
    for number in itertools.count(1):
        line = file.readline(MAX_TEXT_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_TEXT_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_TEXT_BYTES)
            yield number, None
        elif line.strip():
            yield number, line


def _json_object(line: bytes) -> dict[str, object] | None:
    try:
        values = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
