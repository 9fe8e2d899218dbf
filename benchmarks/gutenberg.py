"""Project Gutenberg's books, held against a list that was made by hand of where each of them starts and ends.

`gutenberg_books.csv` says for every book its first and last line, the language that its header names, which
share of the visible characters between the marks is the book's (the rest: credits, and notes of those who
typed it in), or why it is refused.
"""

from __future__ import annotations

import csv
import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import CORPUS, Result
from pipeline.corpus.decoding import decode
from pipeline.corpus.gutenberg_text import UnclearBookError, body_bounds, declared_encoding, open_book
from pipeline.corpus.repairs import repair
from pipeline.corpus.unwrapping import join_wrapped_lines
from pipeline.errors import ParamsError

LIST = Path(__file__).resolve().with_name("gutenberg_books.csv")
RIGHTS_RESERVED = "rights_reserved"
MAX_RETENTION_LOSS = 0.0005  # of the visible characters; more is over-cut


@dataclass(frozen=True, slots=True)
class Book:
    """Where a book starts and ends, as it should be or as found; `refused` names the reason or is ""."""

    refused: str
    language: str
    first_line: str
    last_line: str
    retention: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds that a book took, and which share of the breaks between its lines were joined."""

    megabytes: float
    reading: float
    unwrapping: float
    joined_share: float


def measure() -> Result:
    """One row for each book of the list; the figures count what is as the list says.

    ParamsError when CORPUS names no folder.
    """
    folder = os.environ.get(CORPUS, "")
    if not folder or not Path(folder).is_dir():
        raise ParamsError(
            f"{CORPUS}={folder}: is no folder; name the one that holds pg11.txt and other books"
        )
    rows: list[tuple[str, ...]] = [
        ("book", "starts", "ends", "retention", "should be", "refused", "language", "lines joined", "right")
    ]
    right = kept_whole = refused = languages = 0
    costs: list[Cost] = []
    expected = hand_checked()
    for number, should in expected.items():
        path = Path(folder) / f"pg{number}.txt"
        if not path.is_file():
            rows.append((str(number), *["missing"] * 2, *[""] * 5, "no"))
            continue
        data = path.read_bytes()
        found, body = examine(data)
        cost = _cost(data, body) if body else None
        rows.append(_row(number, found, should, cost))
        costs += [cost] if cost else []
        right += is_right(found, should)
        kept_whole += not is_over_cut(found, should)
        refused += should.refused == found.refused == RIGHTS_RESERVED
        languages += _is_other_language(should) and found.language == should.language
    if not costs:
        raise ParamsError(f"{CORPUS}={folder}: holds none of the {len(expected)} books of {LIST.name}")
    rows.append(_speeds(costs, columns=len(rows[0])))
    return Result(
        tuple(rows),
        (
            ("books that start and end at the right line or are refused", right, len(expected)),
            ("not over-cut", kept_whole, len(expected)),
            (
                "rights-reserved refused",
                refused,
                _count(expected, lambda book: book.refused == RIGHTS_RESERVED),
            ),
            ("other languages named", languages, _count(expected, _is_other_language)),
        ),
    )


def hand_checked() -> dict[int, Book]:
    """Book id -> what the list says of it."""
    with open(LIST, newline="", encoding="utf-8") as file:
        return {
            int(row["id"]): Book(
                row["refused"],
                row["language"],
                row["first_line"],
                row["last_line"],
                float(row["retention"] or 0),
            )
            for row in csv.DictReader(file)
        }


def examine(data: bytes) -> tuple[Book, str]:
    """What is found in the file of a book, and the book; "" when it is refused."""
    decoded = decode(data, declared=declared_encoding(data))
    if decoded is None:
        return Book("undecodable", "", "", "", 0), ""
    try:
        opened = open_book(decoded.text)
    except UnclearBookError as error:
        return Book(error.reason, "", "", "", 0), ""
    lines = decoded.text.splitlines()
    first, last, _ = body_bounds(lines)
    retention = _visible_chars(opened.body) / _visible_chars("\n".join(lines[first:last]))
    first_line, *_, last_line = opened.body.split("\n")
    return Book("", opened.header.language, first_line.strip(), last_line.strip(), retention), opened.body


def is_right(found: Book, should: Book) -> bool:
    """Whether a book is refused as it should be, or starts and ends where it should."""
    places = [(book.refused, book.first_line, book.last_line) for book in (found, should)]
    return places[0] == places[1]


def is_over_cut(found: Book, should: Book) -> bool:
    """Whether less of the book is left than there should be."""
    return found.retention < should.retention - MAX_RETENTION_LOSS


def _count(books: Mapping[int, Book], holds: Callable[[Book], bool]) -> int:
    return sum(map(holds, books.values()))


def _is_other_language(book: Book) -> bool:
    return book.language not in ("", "English")


def _visible_chars(text: str) -> int:
    return len(text) - sum(map(text.count, " \t\n"))


def _cost(data: bytes, body: str) -> Cost:
    """What it takes to read a book that is not refused, and to join its lines."""
    started = time.process_time()
    decoded = decode(data, declared=declared_encoding(data))
    assert decoded is not None, "a book was found"
    open_book(decoded.text)
    read = time.process_time()
    repaired = repair(body, unwrap=False).text
    mended = time.process_time()
    joined = join_wrapped_lines(repaired)
    unwrapped = time.process_time()
    breaks = sum(bool(line and after) for line, after in itertools.pairwise(repaired.split("\n")))
    share = (repaired.count("\n") - joined.count("\n")) / max(1, breaks)
    return Cost(len(data) / 1e6, read - started, unwrapped - mended, share)


def _row(number: int, found: Book, should: Book, cost: Cost | None) -> tuple[str, ...]:
    if found.refused or cost is None:
        cells = ("", "", "", "", found.refused, found.language, "")
    else:
        cells = (
            "ok" if found.first_line == should.first_line else f"`{found.first_line}`",
            "ok" if found.last_line == should.last_line else f"`{found.last_line}`",
            f"{found.retention:.4f}",
            f"{should.retention:.4f}",
            "",
            found.language,
            f"{cost.joined_share:.1%}",
        )
    return (str(number), *cells, "yes" if is_right(found, should) else "no")


def _speeds(costs: Sequence[Cost], *, columns: int) -> tuple[str, ...]:
    megabytes = sum(cost.megabytes for cost in costs)
    reading = megabytes / sum(cost.reading for cost in costs)
    unwrapping = megabytes / sum(cost.unwrapping for cost in costs)
    said = f"{megabytes:.0f} MB: read at {reading:.1f} MB/s, unwrapped at {unwrapping:.1f} MB/s"
    return (said, *[""] * (columns - 1))
