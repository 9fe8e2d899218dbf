"""What the header of a Project Gutenberg file says of the book.

New headers hold `Title: ...` and other fields. Old ones begin with `The Project Gutenberg Etext of TITLE, by
AUTHOR` and name title, author and month once more above the number:

    Black Beauty

    by Anna Sewell

    May, 1995  [Etext #271]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LINE_CHARS = 300  # of a line that is searched: some patterns take quadratic time
MAX_OPENING_LINES = 30
MAX_CAPTION_LINES = 8  # above the number of an old file, blank ones counted

_FIELD = re.compile(r"([A-Z][A-Za-z ]{2,25}?)\s*:\s*(\S.*)")
_NUMBER = re.compile(r"(?P<release>[^\[]*?)\s*\[[^\]]*?\b(?:e-?text|e-?book)\s*#\d+", re.I)
_BY = re.compile(r"(?P<title>.*?),?\s*\b(?:by|BY) (?P<author>[^*\[]+)")
_OPENINGS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"\W*(?:This is )?(?:The )?Project Gutenberg(?:'s)? E(?:text|book)(?: of|,)? (?P<title>.+?)"
        r"(?:,? by (?P<author>[^*]+?))?\W*$",
        r"\W*Project Gutenberg's (?P<title>.+?)(?:,? by (?P<author>[^*]+?))?\W*$",
        r"\W*(?P<title>\w.+?)--This is the Project Gutenberg E(?:text|book)\b(?P<author>)",
    )
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says, each on one line; "" where it says nothing. `release` is a date as written."""

    title: str
    author: str
    language: str
    release: str
    rights: str


def read_header(lines: Sequence[str]) -> Header:
    """The header in these lines, which end before the book and before any legal text."""
    header = [line[:MAX_LINE_CHARS] for line in lines]
    fields = _fields(header)
    opening, caption = _opening(header), _caption(header)
    release = fields.get("release date") or fields.get("posting date", "")
    return Header(
        title=_line(fields.get("title") or opening[0] or caption[0]),
        author=_line(fields.get("author") or opening[1] or caption[1]),
        language=_line(fields.get("language", "")),
        release=_line(re.sub(r"^Release Date:|\[.*", "", release, flags=re.I) or caption[2]),
        rights=_line(fields.get("rights") or fields.get("copyright status", "")),
    )


def _fields(header: Sequence[str]) -> dict[str, str]:
    """The `Name: value` lines of a header by name in lower case, continued lines joined, the first wins."""
    fields: dict[str, str] = {}
    name = ""
    for line in header:
        found = _FIELD.match(line)
        if found:
            name = found.group(1).lower() if found.group(1).lower() not in fields else ""
            fields.setdefault(found.group(1).lower(), found.group(2).strip())
        elif name and line.startswith(" ") and line.strip():
            fields[name] += f" {line.strip()}"
        else:
            name = ""
    return fields


def _opening(header: Sequence[str]) -> tuple[str, str]:
    """Title and author from the line with which an old file begins."""
    for line in header[:MAX_OPENING_LINES]:
        for pattern in _OPENINGS:
            if found := pattern.match(line):
                return found["title"].strip(' *"'), (found["author"] or "").strip(" *")
    return "", ""


def _caption(header: Sequence[str]) -> tuple[str, str, str]:
    """Title, author and month from the lines that end with the book's number in an old file."""
    for number, line in enumerate(header):
        if not (found := _NUMBER.match(line)):
            continue
        above = [text.strip() for text in header[max(0, number - MAX_CAPTION_LINES) : number] if text.strip()]
        for place in range(len(above) - 1, -1, -1):
            if named := _BY.match(above[place]):
                title = named["title"] or "".join(above[max(0, place - 1) : place])
                return title, named["author"], found["release"]
        return "", "", found["release"]
    return "", "", ""


def _line(value: str) -> str:
    return " ".join(value.split()).rstrip("*")
