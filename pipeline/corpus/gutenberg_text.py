"""The anatomy of a Project Gutenberg text: header, start mark, body, end mark, licence.

Fifty years of files have three forms of marks:

    *** START OF THE PROJECT GUTENBERG EBOOK TITLE *** and *** END OF THE PROJECT GUTENBERG EBOOK TITLE ***
    the same with THIS for THE, without the first space, or wrapped over several lines
    *END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver*END* (old files: all legal text first, no end mark)

All functions are pure: text in, parts out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.corpus.bookprint import cut_credits
from pipeline.corpus.gutenberg_header import MAX_LINE_CHARS, Header, read_header

UNITED_STATES_TERM_STARTS = 1930  # what was published before is in the public domain there
MAX_MARK_LINES = 4
MAX_HEADER_SHARE = 0.9
FRONT_LINES = 120
BACK_LINES = 60
MAX_FAREWELL_LINES = 6  # of its own, blank ones not counted: the title may be long

_START = re.compile(r"\s*\*{2,}\s*START OF (?:(?:THE|THIS) )?PROJECT GUTENBERG\b", re.I)
_END = re.compile(r"\s*\*{2,}\s*END OF (?:(?:THE|THIS) )?PROJECT GUTENBERG\b", re.I)
_SMALL_PRINT_END = re.compile(r"\*?END\*?\s?THE SMALL PRINT!|\*SMALL PRINT!.*\*END\*", re.I)
_FAREWELL = re.compile(
    r"""\W*(?:This\ is\ )?(?:the\ )?(?:End|Ende|Fin|Fine|Final|Einde|Slut)\b.{0,30}\bProje[ck]t\ Gutenberg
      | \*+\ ?The\ Project\ Gutenberg\ E(?:text|book)\ of""",
    re.I | re.X,
)
_CLAIMED = re.compile(r"\bCOPYRIGHTED Project Gutenberg|\bclaimed as copyright|COPYRIGHT PROTECTED E", re.I)
_NOTICE = re.compile(r"(?:copyright|\(c\)|©)[\s,(c)©:]*(?:[A-Z][a-z]+ )?((?:1[89]|20)\d\d)", re.I)
_NOT_THE_BOOKS = re.compile(r"Michael S\. Hart|Project Gutenberg", re.I)
_DECLARED_ENCODING = re.compile(rb"^Character set encoding:\s*([\w-]+)", re.I | re.M)


@dataclass(frozen=True, slots=True)
class Book:
    """The body of a book and what its header says of it."""

    body: str
    header: Header


class UnclearBookError(ValueError):
    """A text whose body cannot be told from the rest, or must not be used; `reason` is no_markers, ..."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def declared_encoding(data: bytes) -> str:
    """The encoding that the header names, or ""."""
    found = _DECLARED_ENCODING.search(data[:20_000])
    return found.group(1).decode("ascii", "ignore") if found else ""


def is_marked(data: bytes) -> bool:
    """Whether a line starts with a start mark or ends the small print, as in every file of a book."""
    lines = data.decode("latin-1").splitlines()  # the marks are ASCII in all encodings that are handed out
    return any(_START.match(line) or _SMALL_PRINT_END.match(line) for line in lines)


def open_book(text: str) -> Book:
    """The book in a Project Gutenberg file, without the credits and notes of those who made the file.

    Raises UnclearBookError with the reason no_markers, unclear_markers (two starts, an end before the start
    or no end after it, hardly any body) or rights_reserved (a copyright notice of 1930 or later, or Project
    Gutenberg says so).
    """
    lines = text.splitlines()
    first, last, header_end = body_bounds(lines)
    body = lines[first:last]
    header = read_header(lines[:header_end])
    if first > MAX_HEADER_SHARE * len(lines):
        raise UnclearBookError("unclear_markers")
    front = [line[:MAX_LINE_CHARS] for line in (*lines[:header_end], *body[:FRONT_LINES])]
    if _is_reserved(front) or _reserves(header.rights):
        raise UnclearBookError("rights_reserved")
    return Book(body="\n".join(cut_credits(body)), header=header)


def body_bounds(lines: Sequence[str]) -> tuple[int, int, int]:
    """First line of the body, the line after its last, and the line that ends the header.

    Raises UnclearBookError with the reason no_markers or unclear_markers.
    """
    starred = [(number, line) for number, line in enumerate(lines) if "**" in line]  # few, and fast to find
    starts = [number for number, line in starred if _START.match(line)]
    ends = [number for number, line in starred if _END.match(line)]
    if len(starts) == 1 and ends and starts[0] < ends[0]:
        first = _after_mark(lines, starts[0])
        return first, _before_farewell(lines, first, ends[0]), starts[0]
    small_prints = [number for number, line in enumerate(lines) if _SMALL_PRINT_END.match(line)]
    if starts or (ends and not small_prints):
        raise UnclearBookError("unclear_markers")
    if not small_prints:
        raise UnclearBookError("no_markers")
    first = small_prints[0] + 1
    return first, _before_farewell(lines, first, len(lines)), _small_print_start(lines, first)


def _after_mark(lines: Sequence[str], start: int) -> int:
    """The line after a start mark that may be wrapped: its last line ends with the closing stars."""
    for number in range(start, min(start + MAX_MARK_LINES, len(lines))):
        if lines[number].rstrip().endswith("***"):
            return number + 1
    return start + 1


def _before_farewell(lines: Sequence[str], first: int, end: int) -> int:
    """`end`, or the line `End of Project Gutenberg's ...` a little before it with no text of the book after
    it.
    """
    below = 0
    for number in range(end - 1, max(first, end - BACK_LINES) - 1, -1):
        below += bool(lines[number].strip())
        if below > MAX_FAREWELL_LINES:
            break
        if _FAREWELL.match(lines[number]):
            return number
    return end


def _small_print_start(lines: Sequence[str], end: int) -> int:
    """Where the legal text of an old header starts: what is before it describes the book."""
    for number in range(end):
        if "START" in lines[number] and "SMALL PRINT" in lines[number].upper():
            return number
    return end


def _is_reserved(front: Sequence[str]) -> bool:
    """Whether the header or the first pages claim a copyright that still holds in the United States."""
    for number, line in enumerate(front):
        if _CLAIMED.search(line):
            return True
        around = " ".join(front[number : number + 2])
        notice = _NOTICE.search(line)
        if notice and int(notice.group(1)) >= UNITED_STATES_TERM_STARTS and not _NOT_THE_BOOKS.search(around):
            return True
    return False


def _reserves(rights: str) -> bool:
    """Whether a header's own words on rights keep them."""
    return "copyrighted" in rights.lower() and "not copyrighted" not in rights.lower()
