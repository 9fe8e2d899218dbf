"""What print leaves in the text of a book: lines broken at the margin, and notes by those who typed it in.

A paragraph's lines are joined when they were broken by the margin alone, which shows: the next line's first
word would not have fitted on the line, or goes on in lower case. Verse, tables, lists and addresses are left
as they are.
"""

from __future__ import annotations

import itertools
import re

MIN_PROSE_WIDTH = 55  # a text whose lines are shorter is verse
WIDTH_QUANTILE = 0.9
FIT_SHARE = 0.85  # of the width: typists broke early as well
MIN_WRAPPED_SHARE = 0.8  # of a paragraph's line breaks
MAX_CAPITAL_SHARE = 0.8  # of its lines after the first, above it is verse
FRONT_PARAGRAPHS = 12
BACK_PARAGRAPHS = 60
MAX_HEADING_CHARS = 60

_PARAGRAPH_GAP = re.compile(r"(\n{2,})")
_TABULAR = re.compile(r"\S {3}|\t|\|")
_OPENING_MARKS = " \t\"'([_*‘’“”«»"
_CREDIT = re.compile(
    r"""^[ \[(_*|]*(?:
        (?:this\s)?(?:e-?text|e-?book|book|file|edition|project\sgutenberg\s\S+)\s(?:was|is)\s
            (?:prepared|produced|created|transcribed|typed|scanned)
      | (?:e-?text\s|html\sversion\s|html\s)?
            (?:produced|prepared|transcribed|scanned|typed|digiti[sz]ed|proofread)\b[^.\n]{0,60}?\b(?:by|from)\b
      | note:\s(?:project\sgutenberg|images\sof\sthe\soriginal)
      | the\sproject\sgutenberg\se(?:text|book)\sof
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_TRANSCRIBER = re.compile(
    r"[\s\[(_*|+-]*(?:transcriber|(?:pg|e-?text)\seditor)['’]?s?['’]?\s+notes?\b", re.IGNORECASE
)


def cut_credits(text: str) -> str:
    """The text without `Produced by ...` in front and without transcriber's notes at both ends."""
    paragraphs = _PARAGRAPH_GAP.split(text)  # text, gap, text, gap, ..., text
    kept = [*_front_without_credits(paragraphs[: 2 * FRONT_PARAGRAPHS]), *paragraphs[2 * FRONT_PARAGRAPHS :]]
    for place in range(max(0, len(kept) - 2 * BACK_PARAGRAPHS), len(kept)):
        if place > 2 * FRONT_PARAGRAPHS and _TRANSCRIBER.match(kept[place]):
            kept = kept[:place]
            break
    return "".join(kept).strip("\n")


def join_wrapped_lines(text: str) -> str:
    """The text with the lines of each prose paragraph joined; unchanged when its lines are short."""
    width = _margin(text)
    if width < MIN_PROSE_WIDTH:
        return text
    pieces = _PARAGRAPH_GAP.split(text)
    return "".join(_joined(piece) if _is_wrapped_prose(piece, width) else piece for piece in pieces)


def _front_without_credits(paragraphs: list[str]) -> list[str]:
    kept: list[str] = []
    in_note = False
    for text, gap in zip(paragraphs[::2], [*paragraphs[1::2], ""], strict=False):
        is_note = _TRANSCRIBER.match(text) is not None
        if is_note or (in_note and text.startswith(" ")):
            in_note = in_note or len(text) <= MAX_HEADING_CHARS
            continue
        in_note = False
        text = _without_credit(text)
        kept += [text, gap] if text else []
    return kept


def _without_credit(paragraph: str) -> str:
    """The paragraph without lines of credit; nothing of it when it starts with one, since names fill further
    lines. A line in small letters goes on with a sentence.
    """
    if _CREDIT.match(paragraph):
        return ""
    lines = paragraph.split("\n")
    return "\n".join(
        line for line in lines if line.lstrip(_OPENING_MARKS)[:1].islower() or not _CREDIT.match(line)
    )


def _margin(text: str) -> int:
    """Where lines were broken: a high quantile of the lengths of those that another line follows."""
    pairs = itertools.pairwise(text.split("\n"))
    lengths = sorted(len(line) for line, following in pairs if line and following)
    return lengths[int(len(lengths) * WIDTH_QUANTILE)] if lengths else 0


def _is_wrapped_prose(paragraph: str, width: int) -> bool:
    first, *rest = paragraph.split("\n")
    if not rest or len({_indent(line) for line in rest}) > 1 or _TABULAR.search(paragraph):
        return False
    starts = [line.lstrip(_OPENING_MARKS)[:1] for line in rest]
    if sum(start.isupper() or start.isdigit() for start in starts) >= MAX_CAPITAL_SHARE * len(rest):
        return False
    wrapped = 0
    for line, following, start in zip([first, *rest], rest, starts, strict=False):
        word = following.lstrip().partition(" ")[0]
        wrapped += start.islower() or len(line) + 1 + len(word) > FIT_SHARE * width
    return wrapped >= MIN_WRAPPED_SHARE * len(rest)


def _joined(paragraph: str) -> str:
    """The lines as one, a hyphen or dash at a line's end kept without a space after it."""
    first, *rest = paragraph.split("\n")
    pieces = [first]
    for line in rest:
        pieces += ["" if pieces[-1].endswith(("-", "—")) else " ", line.lstrip()]
    return "".join(pieces)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
