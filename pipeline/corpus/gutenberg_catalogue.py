"""Project Gutenberg's catalogue, `pg_catalog.csv`: one row for each book, newest last, made anew every week.

    Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves

Several languages, authors, subjects or bookshelves of a book stand in one cell with `; ` between them. The
choice follows from the rows and the wish alone; since new books have higher numbers, the first hundred of a
kind are the same next week.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pipeline.errors import DataError
from pipeline.settings.ingest import GutenbergCatalogueParams

MAX_FIELD_CHARS = 131_072
NAMES = ("pg_catalog.csv", "pg_catalog.csv.gz")
MAX_BYTES = 512 * 2**20  # unpacked; the whole of it was 20 MB in 2025
MAX_LINE_BYTES = 2**20
_COLUMNS = ("Text#", "Type", "Language", "Authors", "Subjects", "Bookshelves")


@dataclass(frozen=True, slots=True)
class Listing:
    """What the catalogue says of a book; `topics` are its subjects and its bookshelves."""

    number: int
    languages: frozenset[str]
    authors: str
    topics: str


def chosen(path: Path, wish: GutenbergCatalogueParams) -> list[int]:
    """The numbers of all books that are wished for, in ascending order; the limit is yet to be applied.

    Raises DataError for a file that is no catalogue.
    """
    return sorted({listing.number for listing in read_catalogue(path) if is_wished(listing, wish)})


def is_wished(listing: Listing, wish: GutenbergCatalogueParams) -> bool:
    """Whether the book is in no other languages than those wished for, and of a wished subject and author."""
    speaks = not wish.languages or (listing.languages and listing.languages <= set(wish.languages))
    return bool(speaks) and _says(listing.topics, wish.subjects) and _says(listing.authors, wish.authors)


def read_catalogue(path: Path) -> Iterator[Listing]:
    """Every text that the catalogue lists; sounds, images and rows that were cut off are passed over.

    Raises DataError naming the line where it is no catalogue.
    """
    csv.field_size_limit(MAX_FIELD_CHARS)
    with _opened(path) as file:
        rows = csv.reader(_lines(file, path), strict=True)
        try:
            columns = {name.strip(): place for place, name in enumerate(next(rows, []))}
            missing = [name for name in _COLUMNS if name not in columns]
            if missing:
                raise DataError(
                    f"{path}: has no column {missing[0]!r}, so it is no Project Gutenberg catalogue"
                )
            yield from _listings(rows, columns)
        except csv.Error as error:
            if "unexpected end of data" not in str(error):  # a copy that was cut within a row
                raise DataError(f"{path} line {rows.line_num}: {error}; fetch the file anew") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path}: damaged gzip ({error}); fetch the file anew") from error


def _listings(rows: Iterator[list[str]], columns: dict[str, int]) -> Iterator[Listing]:
    number, kind, language, authors, subjects, shelves = (columns[name] for name in _COLUMNS)
    for row in rows:
        if len(row) < len(columns) or row[kind].strip() != "Text":
            continue
        said = row[number].strip()
        if said.isascii() and said.isdigit() and 0 < len(said) <= 8 and int(said) > 0:
            languages = frozenset(code.strip().lower() for code in row[language].split(";") if code.strip())
            topics = f"{row[subjects]}; {row[shelves]}"
            yield Listing(int(said), languages, _folded(row[authors]), _folded(topics))


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else open(path, "rb")


def _lines(file: BinaryIO, path: Path) -> Iterator[str]:
    """The lines as text, whatever the bytes; DataError for what is too long for a catalogue."""
    size = 0
    for number in itertools.count(1):
        line = file.readline(MAX_LINE_BYTES)
        size += len(line)
        if len(line) == MAX_LINE_BYTES or size > MAX_BYTES:
            raise DataError(f"{path} line {number}: too long for a Project Gutenberg catalogue")
        if not line:
            return
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").replace("\0", "")


def _says(text: str, words: Sequence[str]) -> bool:
    return not words or any(_folded(word) in text for word in words)


def _folded(text: str) -> str:
    """The text without differences of case, of Unicode form and of spacing."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
