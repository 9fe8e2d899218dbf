"""Books of Project Gutenberg, from a folder of their text files or from a mirror.

In `data/sources/gutenberg` a book is `pg1342.txt`, `1342-0.txt`, `1342-8.txt` or `1342.txt`, at any depth:
the folder may be a copy of a mirror. With `mirror` set, the books are fetched from there, slowly, and kept,
so that no book is fetched twice. Project Gutenberg's own site is for people and blocks programs: name a
mirror.

Which books: those of `ids`, or those that the catalogue chooses, or all of the folder. What is around the
text of a book is cut. Dropped:

    no_markers, unclear_markers, rights_reserved   see pipeline/corpus/gutenberg_text.py
    undecodable    bytes that are no text (see pipeline/corpus/decoding.py)
    too_large      a file of more than MAX_BOOK_BYTES
    other_name     a .txt file that is named like no book
    other_edition  a further file of a book, of a worse edition
    unknown_format a file with another ending
    missing        a book of `ids`, or of the mirror's catalogue, that is nowhere

Where books were chosen, only their files are looked at.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus.decoding import decode
from pipeline.corpus.fetched import MISSING
from pipeline.corpus.folders import files_below, grouped_by_size, relative_name
from pipeline.corpus.gutenberg_catalogue import NAMES, chosen
from pipeline.corpus.gutenberg_mirror import FEEDS, MAX_BOOK_BYTES, mirrored_books, mirrored_catalogue
from pipeline.corpus.gutenberg_text import UnclearBookError, declared_encoding, open_book
from pipeline.corpus.ingestion import Rejected, document
from pipeline.errors import DataError, SourceError
from pipeline.records import Document
from pipeline.settings.ingest import GutenbergParams

SOURCE = "gutenberg"
LICENCE = "Public domain in the USA"
PART_BYTES = 8 * 2**20
SHOWN_IDS = 50
OLD = "old"  # where a mirror keeps editions that were replaced
_NOTHING_CHOSEN = "lists nothing that ingest.gutenberg.catalogue asks for"
_FILE_NAME = re.compile(r"(pg)?([1-9][0-9]{0,7})(-0|-8)?\.txt")
_EDITIONS = (("pg", None), (None, "-0"), (None, "-8"), (None, None))  # ASCII last: it has lost its accents


@dataclass(frozen=True, slots=True)
class Part:
    """Some book files, what is not taken, and the files that decided which books are read."""

    paths: tuple[Path, ...]
    passed_over: tuple[Rejected, ...] = ()
    consulted: tuple[Path, ...] = ()


def parts(folder: Path, params: GutenbergParams, *, downloads: Path) -> Mapping[str, Part]:
    """The files of the chosen books, in groups of about PART_BYTES.

    Raises DataError when there are none; when more than `max_missing` of them are missing, DataError for a
    folder and SourceError for a mirror.
    """
    if params.mirror is None:
        books, rest = _local(folder, params)
    else:
        books, rest = _mirrored(params, params.mirror, folder, downloads)
    groups = grouped_by_size([books[number] for number in sorted(books)], max_bytes=PART_BYTES)
    found = {name: Part(tuple(paths)) for name, paths in groups.items()}
    return {**found, "rest": rest} if rest.passed_over or rest.consulted else found


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
    """Book number -> its file below the folder, and the files that are not taken."""
    found: dict[int, Path] = {}
    passed_over: dict[Path, str] = {}
    named: list[tuple[re.Match[str], Path]] = []
    for path in files_below(folder):
        match = _FILE_NAME.fullmatch(path.name)
        if match:
            named.append((match, path))
        elif path.name not in NAMES:
            passed_over[path] = "other_name" if path.suffix == ".txt" else "unknown_format"
    for match, path in sorted(named, key=lambda pair: _edition(*pair)):
        if found.setdefault(int(match.group(2)), path) != path:
            passed_over[path] = "other_edition"
    rejected = [Rejected(relative_name(path, folder), reason) for path, reason in passed_over.items()]
    return found, rejected


def _local(folder: Path, params: GutenbergParams) -> tuple[Mapping[int, Path], Part]:
    """The chosen books of the folder, and what of it is not taken.

    The catalogue chooses among the books that are there, so that none of its choice is missing.
    """
    books, passed_over = local_books(folder)
    if not books:
        raise DataError(
            f"{folder}: no book named like pg1342.txt; put some there, set ingest.gutenberg.mirror, or set "
            "its enabled to false"
        )
    if params.catalogue.enabled:
        catalogue = _local_catalogue(folder)
        if catalogue is None:
            raise DataError(f"{folder}: no {NAMES[0]}; put it there, or set its catalogue.enabled to false")
        numbers = [number for number in chosen(catalogue, params.catalogue) if number in books]
        if not numbers:
            raise DataError(f"{catalogue}: {_NOTHING_CHOSEN} of the books in {folder}")
        return {number: books[number] for number in numbers[: params.catalogue.limit]}, Part(())
    if not params.ids:
        return books, Part((), tuple(passed_over))
    missing = sorted(set(params.ids) - books.keys())
    _require_few(missing, params, DataError, f"{folder}: has no file")
    return {number: books[number] for number in params.ids if number in books}, Part((), _missing(missing))


def _mirrored(
    params: GutenbergParams, mirror: str, folder: Path, downloads: Path
) -> tuple[Mapping[int, Path], Part]:
    """The chosen books, fetched from the mirror, and those it does not have."""
    numbers, consulted = list(params.ids), list[Path]()
    if params.catalogue.enabled:
        catalogue = _local_catalogue(folder) or mirrored_catalogue(mirror, downloads)
        consulted.append(catalogue)
        numbers = chosen(catalogue, params.catalogue)[: params.catalogue.limit]
        if not numbers:
            raise DataError(f"{catalogue}: {_NOTHING_CHOSEN}")
    books = mirrored_books(mirror, numbers, downloads)
    missing = sorted(set(numbers) - books.keys())
    _require_few(missing, params, SourceError, f"{mirror}: has no file with Project Gutenberg's marks")
    return books, Part((), _missing(missing), tuple(consulted))


def _require_few(
    missing: Sequence[int], params: GutenbergParams, error: type[DataError] | type[SourceError], said: str
) -> None:
    """Raises `error` when more of the chosen books are missing than may be."""
    if len(missing) > params.max_missing:
        more = f" and {len(missing) - SHOWN_IDS} more" if len(missing) > SHOWN_IDS else ""
        shown = ", ".join(str(number) for number in missing[:SHOWN_IDS])
        raise error(
            f"{said} of book {shown}{more}; take them out of ingest.gutenberg.ids, add them, or raise its "
            f"max_missing, which is {params.max_missing}"
        )


def _missing(numbers: Sequence[int]) -> tuple[Rejected, ...]:
    return tuple(Rejected(str(number), MISSING) for number in numbers)


def _local_catalogue(folder: Path) -> Path | None:
    """The catalogue in the folder, or in the place where a copy of a mirror has it."""
    places = (folder / place / name for place in ("", FEEDS) for name in NAMES)
    return next((path for path in places if path.is_file()), None)


def _edition(match: re.Match[str], path: Path) -> tuple[bool, int]:
    """Which edition of a book a file is: the lower, the better."""
    prefix, _, suffix = match.groups()
    return path.parent.name == OLD, _EDITIONS.index(("pg", None) if prefix else (None, suffix))


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


def _number(path: Path) -> int:
    match = _FILE_NAME.fullmatch(path.name)
    assert match is not None, f"{path} was not chosen by its name"
    return int(match.group(2))
