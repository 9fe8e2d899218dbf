"""Your own text: what lies below `data/sources/files` and is named by `patterns`.

    .txt .md                one document
    .html .htm              one document: the main text of the page (see pipeline/corpus/pages.py)
    .jsonl .csv .parquet    a document in each line or row, in `text_column`

All but .parquet may be packed: .gz, .bz2, .xz or .zst follows the ending. Files are read as streams: memory
does not grow with them. What cannot be taken is dropped for a counted reason:

    unknown_format  a file with another ending
    too_large       a text or line of more than MAX_TEXT_BYTES, a page of more than pages.MAX_PAGE_BYTES
    undecodable     bytes that are no text (see pipeline/corpus/decoding.py)
    no_main_text    a page that is all menus
    too_complex     a page that takes seconds to parse (see pipeline/corpus/guarding.py)
    not_json        a line that is no JSON object
    ragged_row      a row of .csv with more or fewer values than the line of names
    no_text         a line or row without text in the text column

A file of which no row at all has the columns is a mistake in `text_column` or `metadata_columns`, and a
.jsonl file without one line that is a JSON object in UTF-8 is none: DataError names it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.corpus.decoding import Decoded, decode
from pipeline.corpus.folders import chosen, files_below, grouped_by_size, relative_name
from pipeline.corpus.guarding import Guarded
from pipeline.corpus.ingestion import Metadata, Rejected, document
from pipeline.corpus.pages import MAX_PAGE_BYTES, Page, RawPage, read_page
from pipeline.corpus.tables import Row, csv_rows, parquet_rows
from pipeline.corpus.unpacking import FORMS, open_unpacked
from pipeline.errors import DataError
from pipeline.records import Document
from pipeline.settings.ingest import FilesParams

SOURCE = "files"
PART_BYTES = 32 * 2**20
MAX_TEXT_BYTES = 256 * 2**20
TEXT_SUFFIXES = (".txt", ".md")
PAGE_SUFFIXES = (".html", ".htm")


@dataclass(frozen=True, slots=True)
class Part:
    """Some files of the folder, to be read one after the other."""

    folder: Path
    paths: tuple[Path, ...]
    text_column: str
    metadata_columns: tuple[str, ...]
    licence: str


def parts(folder: Path, params: FilesParams, *, downloads: Path) -> Mapping[str, Part]:
    """All chosen files of the folder in groups of about PART_BYTES. DataError when there are none."""
    del downloads  # nothing is fetched
    paths = files_below(folder)
    if not paths:
        raise DataError(f"{folder}: no files; put text there or set ingest.files.enabled to false")
    paths = chosen(paths, folder, patterns=params.patterns, key="ingest.files.patterns")
    return {
        name: Part(folder, tuple(group), params.text_column, params.metadata_columns, params.licence)
        for name, group in grouped_by_size(paths, max_bytes=PART_BYTES).items()
    }


def read(part: Part) -> Iterator[Document | Rejected]:
    """The documents of every file of the part. DataError for a file of which no row has the columns."""
    with Guarded(read_page) as guarded_page:
        for path in part.paths:
            suffix = _suffix(path)
            if suffix in TEXT_SUFFIXES:
                yield _whole_file(path, part)
            elif suffix in PAGE_SUFFIXES:
                yield _page(path, part, guarded_page)
            elif suffix == ".jsonl":
                yield from _json_lines(path, part)
            elif suffix == ".csv":
                yield from _csv_rows(path, part)
            elif path.suffix.lower() == ".parquet":
                yield from _parquet_rows(path, part)
            else:
                yield Rejected(relative_name(path, part.folder), "unknown_format")


def _suffix(path: Path) -> str:
    """The ending that says what is in the file: `.jsonl` of `a.jsonl.gz`; none of Parquet, which packs
    itself.
    """
    packed = path.suffix.lower() in FORMS
    suffix = (Path(path.stem) if packed else path).suffix.lower()
    return "" if suffix == ".parquet" else suffix


def _whole_file(path: Path, part: Part) -> Document | Rejected:
    origin = relative_name(path, part.folder)
    data = _at_most(path, MAX_TEXT_BYTES)
    if data is None:
        return Rejected(origin, "too_large")
    decoded = decode(data)
    if decoded is None:
        return Rejected(origin, "undecodable")
    metadata = _encoding(decoded)
    return document(SOURCE, origin, decoded.text, title=_stem(path), licence=part.licence, metadata=metadata)


def _page(path: Path, part: Part, guarded_page: Guarded[Page]) -> Document | Rejected:
    origin = relative_name(path, part.folder)
    data = _at_most(path, MAX_PAGE_BYTES)
    if data is None:
        return Rejected(origin, "too_large")
    page = guarded_page(RawPage(data))
    if page is None or page.reason:
        return Rejected(origin, page.reason if page else "too_complex")
    metadata: Metadata = {"encoding": page.encoding, **({"language": page.language} if page.language else {})}
    title = page.title or _stem(path)
    return document(SOURCE, origin, page.text, title=title, licence=part.licence, metadata=metadata)


def _json_lines(path: Path, part: Part) -> Iterator[Document | Rejected]:
    name = relative_name(path, part.folder)
    wanted = (part.text_column, *part.metadata_columns)
    with_column = dict.fromkeys(wanted, 0)
    objects, not_json, seen = 0, 0, ""
    with open_unpacked(path) as file:
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
            for column in wanted:
                with_column[column] += column in values
            seen = seen or f"line {number} has {', '.join(sorted(values)) or 'none'}"
            yield _row(origin, values, part)
    if not_json and not objects:
        raise DataError(
            f"{path}: no line is a JSON object in UTF-8; write one object a line, or remove the file"
        )
    missing = [column for column, count in with_column.items() if objects and not count]
    if missing:
        key = "text_column" if missing[0] == part.text_column else "metadata_columns"
        raise DataError(f"{path}: no line has the field {missing[0]!r} ({seen}); set ingest.files.{key}")


def _csv_rows(path: Path, part: Part) -> Iterator[Document | Rejected]:
    name = relative_name(path, part.folder)
    with open_unpacked(path) as file:
        rows = csv_rows(file, path=path, text=part.text_column, others=part.metadata_columns)
        for number, row in rows:
            origin = f"{name}:{number}"
            if row is None:
                yield Rejected(origin, "ragged_row")
                continue
            decoded = decode(row[part.text_column].encode("utf-8", "surrogateescape"))
            if decoded is None:
                yield Rejected(origin, "undecodable")
            else:
                yield _row(origin, {**row, part.text_column: decoded.text or None}, part)


def _parquet_rows(path: Path, part: Part) -> Iterator[Document | Rejected]:
    name = relative_name(path, part.folder)
    rows = parquet_rows(path, text=part.text_column, others=part.metadata_columns)
    for number, row in enumerate(rows, start=1):
        yield _row(f"{name}:{number}", row, part)


def _row(origin: str, values: Row, part: Part) -> Document | Rejected:
    text, title = values.get(part.text_column), values.get("title")
    if not isinstance(text, str):
        return Rejected(origin, "no_text")
    present = {name: values[name] for name in part.metadata_columns if values.get(name) is not None}
    return document(
        SOURCE,
        origin,
        text,
        title=title if isinstance(title, str) else "",
        licence=part.licence,
        metadata={name: _plain(value) for name, value in present.items()},
    )


def _plain(value: Any) -> str | int:
    """The value as it is when it is text or a whole number, else as JSON, or what Python calls it."""
    if isinstance(value, str | int):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _encoding(decoded: Decoded) -> Metadata:
    replaced = {"undecodable_bytes": decoded.replaced} if decoded.replaced else {}
    return {"encoding": decoded.encoding, **replaced}


def _stem(path: Path) -> str:
    """The name of the file without its endings: `letter` of `letter.txt.gz`."""
    return Path(path.stem).stem if path.suffix.lower() in FORMS else path.stem


def _at_most(path: Path, most: int) -> bytes | None:
    """The unpacked bytes of the file; None when they are more."""
    with open_unpacked(path) as file:
        data = file.read(most + 1)
    return data if len(data) <= most else None


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
