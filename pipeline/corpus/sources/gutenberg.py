"""Books of Project Gutenberg, from a folder of their text files or from a mirror.

In `data/sources/gutenberg` a book is `pg1342.txt`, `1342.txt`, `1342-0.txt` or `1342-8.txt`; with `mirror`
set, the books of `ids` are fetched from there, slowly, and kept, so that no book is fetched twice. Project
Gutenberg's own site is for people and blocks programs: name a mirror. What is around the text of a book is
cut. Dropped:

    no_markers, unclear_markers, rights_reserved   see pipeline/corpus/gutenberg_text.py
    undecodable    bytes that are no text (see pipeline/corpus/decoding.py)
    too_large      a file of more than MAX_BOOK_BYTES
    other_name     a .txt file that is named like no book
    other_edition  a further file of a book that is there in UTF-8
    unknown_format a file with another ending

With `ids` set, only the files of those books are looked at.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus.courtesy import courtesy_from
from pipeline.corpus.decoding import decode
from pipeline.corpus.download import Downloader, Limits, NotThereError
from pipeline.corpus.folders import files_below, grouped_by_size, relative_name
from pipeline.corpus.gutenberg_text import UnclearBookError, declared_encoding, is_marked, open_book
from pipeline.corpus.ingestion import Rejected, document
from pipeline.errors import DataError, SourceError
from pipeline.progress import track
from pipeline.records import Document
from pipeline.settings.ingest import GutenbergParams

SOURCE = "gutenberg"
LICENCE = "Public domain in the USA"
PART_BYTES = 8 * 2**20
MAX_BOOK_BYTES = 64 * 2**20
LIMITS = Limits(max_bytes=MAX_BOOK_BYTES, deadline_seconds=300)
LAYOUTS = ("cache/epub/{id}/pg{id}.txt", "{folder}/{id}-0.txt", "{folder}/{id}-8.txt", "{folder}/{id}.txt")
SHOWN_IDS = 10
_FILE_NAME = re.compile(r"(?:pg)?([1-9][0-9]{0,7})(-0|-8)?\.txt")
_EDITIONS = ("-0", None, "-8")  # UTF-8 first


@dataclass(frozen=True, slots=True)
class Part:
    """Some book files, and files of the folder that are none."""

    paths: tuple[Path, ...]
    passed_over: tuple[Rejected, ...] = ()


def parts(folder: Path, params: GutenbergParams, *, downloads: Path) -> Mapping[str, Part]:
    """The files of all books, or of those in `ids`, in groups of about PART_BYTES.

    Raises DataError when the folder has none, or not all of `ids`; SourceError when the mirror does not give
    them all.
    """
    passed_over: list[Rejected] = []
    if params.mirror is not None:
        books = _fetched_books(params, params.mirror, downloads / SOURCE)
    else:
        books, passed_over = local_books(folder)
        if not books:
            raise DataError(
                f"{folder}: no book named like pg1342.txt; put some there, set a mirror and ids in "
                "ingest.gutenberg, or set its enabled to false"
            )
    if params.ids:
        _require(sorted(set(params.ids) - set(books)), DataError, f"{folder}: no file for")
        books, passed_over = {number: books[number] for number in params.ids}, []
    groups = grouped_by_size([books[number] for number in sorted(books)], max_bytes=PART_BYTES)
    found = {name: Part(tuple(paths)) for name, paths in groups.items()}
    return {**found, "passed-over": Part((), tuple(passed_over))} if passed_over else found


def read(part: Part) -> Iterator[Document | Rejected]:
    """The books of the part."""
    yield from part.passed_over
    for path in part.paths:
        number = _number(path)
        if path.stat().st_size > MAX_BOOK_BYTES:
            yield Rejected(str(number), "too_large")
        else:
            yield _as_document(number, path.read_bytes())


def local_books(folder: Path) -> tuple[dict[int, Path], list[Rejected]]:
    """Book id -> its file below the folder, and the files that are not taken."""
    found: dict[int, Path] = {}
    passed_over: dict[Path, str] = {}
    named: list[tuple[re.Match[str], Path]] = []
    for path in files_below(folder):
        if match := _FILE_NAME.fullmatch(path.name):
            named.append((match, path))
        else:
            passed_over[path] = "other_name" if path.suffix == ".txt" else "unknown_format"
    for match, path in sorted(named, key=lambda pair: _EDITIONS.index(pair[0].group(2))):
        if found.setdefault(int(match.group(1)), path) != path:
            passed_over[path] = "other_edition"
    rejected = [Rejected(relative_name(path, folder), reason) for path, reason in passed_over.items()]
    return found, rejected


def collection_folder(number: int) -> str:
    """Where the main collection keeps a book: `1/2/3/4/12345`, ids below ten under `0/`."""
    digits = str(number)
    return "/".join([*(digits[:-1] or "0"), digits])


def _as_document(number: int, data: bytes) -> Document | Rejected:
    decoded = decode(data, declared=declared_encoding(data))
    if decoded is None:
        return Rejected(str(number), "undecodable")
    try:
        book = open_book(decoded.text)
    except UnclearBookError as error:
        return Rejected(str(number), error.reason)
    header = book.header
    metadata: dict[str, str | int] = {
        "author": header.author,
        "language": header.language,
        "release": header.release,
        "rights": header.rights,
        "encoding": decoded.encoding,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return document(SOURCE, str(number), book.body, title=header.title, licence=LICENCE, metadata=metadata)


def _fetched_books(params: GutenbergParams, mirror: str, folder: Path) -> dict[int, Path]:
    """Book id -> fetched file for all ids. SourceError naming those that the mirror does not have."""
    books = {number: folder / f"pg{number}.txt" for number in sorted(set(params.ids))}
    todo = [number for number, path in books.items() if not path.exists()]
    layouts = list(LAYOUTS)
    missing: list[int] = []
    with Downloader(limits=LIMITS, courtesy=courtesy_from(os.environ)) as downloader:
        for number in track(todo, label="fetching books", unit="book"):
            layout = _fetch(downloader, mirror.rstrip("/"), number, books[number], layouts)
            if layout is None:
                missing.append(number)
            else:
                # the next book is likely there too
                layouts = [layout, *(other for other in layouts if other != layout)]
    _require(missing, SourceError, f"{mirror}: has no file with Project Gutenberg's marks of")
    return books


def _fetch(
    downloader: Downloader, mirror: str, number: int, path: Path, layouts: Sequence[str]
) -> str | None:
    """The first layout in which the mirror has the book, now at `path`; None when it has it in none.

    A page that says so with status 200 is no book, and is not kept.
    """
    for layout in layouts:
        try:
            downloader.fetch(f"{mirror}/{layout.format(id=number, folder=collection_folder(number))}", path)
        except NotThereError:
            continue
        if is_marked(path.read_bytes()):
            return layout
        path.unlink()
    return None


def _require(missing: Sequence[int], error: type[DataError] | type[SourceError], what: str) -> None:
    if missing:
        more = f" and {len(missing) - SHOWN_IDS} more" if len(missing) > SHOWN_IDS else ""
        shown = ", ".join(str(number) for number in missing[:SHOWN_IDS])
        raise error(f"{what} book {shown}{more}; take it out of ingest.gutenberg.ids or add it")


def _number(path: Path) -> int:
    match = _FILE_NAME.fullmatch(path.name)
    assert match is not None, f"{path} was not chosen by its name"
    return int(match.group(1))
