"""What those who typed a book in have written around it: credits, and notes on their edition.

In front of a book, and mixed with its title page, stand in paragraphs of their own:

    Produced by Sue Asscher                              a credit, with names in further lines
    *The Project Gutenberg Etext of TITLE, by AUTHOR*    a caption
    Note: this etext ...                                 what speaks of e-texts or HTML: no book of print does
    Transcriber's Note:                                  a note, up to its bracket or to two blank lines

Notes in brackets stand anywhere. At the end stand notes and lists of corrections, with nothing of the book
after them. What cannot be told from the book, such as a list of other books by the author, stays.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

TITLE_PARAGRAPHS = 3  # credits and captions stand before more of the book than this
FRONT_PARAGRAPHS = 250  # where notes are looked for: a list of contents may be long
MAX_NOTE_PARAGRAPHS = 25
NOTE_GAP_LINES = 2  # blank lines that end a note of several paragraphs
MAX_NOTE_CHARS = 6000  # of one paragraph
MIN_TITLE_LETTERS = 5
MAX_LINE_CHARS = 300  # of a line that is searched
MAX_ADDRESS_LINE_CHARS = 60
BACK_SHARE, LEAST_BACK_CHARS, MOST_BACK_SHARE = 0.05, 4000, 0.5  # of the text, where its notes may start

_CREDIT = re.compile(
    r"""[ \[(_*|]*(?:
        (?:this\s)?(?:e-?text|e-?book|book|file|edition|project\sgutenberg\s\S+)\s(?:was|is)\s
            (?:prepared|produced|created|transcribed|typed|scanned)
      | (?:e-?text\s|html\sversion\s|html\s)?
            (?:produced|prepared|transcribed|scanned|typed|digiti[sz]ed|proofread)\b[^.\n]{0,60}?
            \b(?:by|from)\b
      | (?:with\supdates|corrections)\b.{0,40}\bby\b
      | in\shonou?r\sof\b.{0,60}\bbirthday\b
      | the\stext\s(?:is|was)\s(?:taken\s)?from\b
      | this\stext\sis\sintended\sfor\b
      | note:\simages\sof\sthe\soriginal\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_OF_FILES = re.compile(
    r"project\s+gutenberg|\be-?(?:text|book)s?\b|\belectronic\s(?:text|book)s?\b|\bHTML\b|https?://|\bwww\.",
    re.IGNORECASE,
)
_CAPTION = re.compile(r"\W*(?:the\s)?project\sgutenberg(?:'s)?\se(?:text|book)\b", re.IGNORECASE)
_BYLINE = re.compile(r"\s*by\s[^\n]{1,60}", re.IGNORECASE)
_ADDRESS = re.compile(r"\w@\w[\w-]*\.\w")
_NOTE = re.compile(
    r"""(?:original\s)?(?:transcriber|preparer|(?:pg|e-?text)\seditor)['’]?s?['’]?\s+(?:end)?notes?\b
      | notes?\s(?:on|about|to)\s(?:the|this)\se-?text\b
      | (?:produced|prepared)\sby(?=:\s*(?:\n|$))
      | preface\sto\sthe\sproject\sgutenb[eu]rg\se-?text\b""",
    re.IGNORECASE | re.VERBOSE,
)
_NOTHING_MORE = re.compile(r"(?:\sabout\b[^:.]{0,40})?[\s:.|\])_*]*", re.IGNORECASE)
_CORRECTIONS = re.compile(
    r"""(?:\w{1,15}\s)?(?:errors?|corrections?)\s(?:corrected|made|noted)\b.{0,30}\b(?:text|transcriber)
      | (?:original\s)?comments\son\sthe\spreparation\sof\sthe\se-?text\b
      | errata\s.{0,100}\bunchanged\b""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_RULE = re.compile(r"[\s*_=~+#·•—–|-]*")
_BOX = " \t|+*[(_-"
_OPENING_MARKS = " \t\"'([_*‘’“”«»"

Paragraph = tuple[int, int]  # its first line, and the line after its last


def cut_credits(lines: Sequence[str]) -> list[str]:
    """The lines without credits, captions and notes of those who made the file, and without blank lines and
    rules of stars or dashes at both ends.
    """
    paragraphs = list(_paragraphs(lines))
    kept = [True] * len(lines)
    front, rest = paragraphs[:FRONT_PARAGRAPHS], paragraphs[FRONT_PARAGRAPHS:]
    for first, last in itertools.chain(_cuts_in_front(lines, front), _notes_in_brackets(lines, rest)):
        kept[first:last] = [False] * (last - first)
    kept[_notes_at_end(lines, paragraphs) :] = []
    left = [line for line, is_kept in zip(lines, kept, strict=False) if is_kept]
    first, last = 0, len(left)
    while first < last and _is_rule(left[first]):
        first += 1
    while last > first and _is_rule(left[last - 1]):
        last -= 1
    return left[first:last]


def _paragraphs(lines: Sequence[str]) -> Iterator[Paragraph]:
    first = None
    for number, line in enumerate(lines):
        if line.strip():
            first = number if first is None else first
        elif first is not None:
            yield first, number
            first = None
    if first is not None:
        yield first, len(lines)


def _cuts_in_front(lines: Sequence[str], paragraphs: Sequence[Paragraph]) -> Iterator[Paragraph]:
    """Which lines in front are not the book's."""
    place = kept = 0
    after_caption = False
    while place < len(paragraphs):
        first, last = paragraphs[place]
        text = _text(lines, first, last)
        is_long = _is_long(lines[first:last])
        end = place if is_long else _note_end(lines, paragraphs, place)
        is_caption = not is_long and kept <= TITLE_PARAGRAPHS and _CAPTION.match(text) is not None
        if end > place:
            last = paragraphs[end - 1][1]
            yield first, last
        elif is_caption or (after_caption and _BYLINE.fullmatch(text)):
            yield first, last
        elif kept <= TITLE_PARAGRAPHS and (cuts := list(_credits(text, is_long=is_long))):
            yield from ((first + start, first + stop) for start, stop in cuts)
        else:
            kept += 1
        after_caption = is_caption
        place = max(end, place + 1)


def _credits(text: str, *, is_long: bool) -> Iterator[Paragraph]:
    """Which lines of a paragraph are credits: all up to a title when it starts with one, since names fill
    further lines, but those lines alone when it is too long for a credit.

    A line in small letters goes on with a sentence, and one in brackets with a note.
    """
    lines = text.split("\n")
    credits = [
        number
        for number, line in enumerate(lines)
        if _CREDIT.match(line) and len(line) < MAX_LINE_CHARS and not _is_lower(line)
    ]
    if credits and (credits[0] or is_long) and not text.lstrip().startswith("["):
        yield from ((number, number + 1) for number in credits)
    elif not is_long and (_CREDIT.match(text) or _OF_FILES.search(text) or _is_address(lines)):
        yield 0, next((number for number, line in enumerate(lines) if number and _is_title(line)), len(lines))


def _is_address(lines: Sequence[str]) -> bool:
    """Whether these short lines say who made the file and where to write."""
    is_short = all(len(line) <= MAX_ADDRESS_LINE_CHARS for line in lines)
    return is_short and any(_ADDRESS.search(line) for line in lines)


def _note_end(lines: Sequence[str], paragraphs: Sequence[Paragraph], place: int) -> int:
    """The place after the note that starts at a paragraph; the place itself when none does.

    A note whose heading stands alone in its line goes on to the next gap, rule, title or picture. When none
    comes soon, only the paragraph after the heading is taken.
    """
    first, last = paragraphs[place]
    found = _NOTE.match(_bare(_text(lines, first, last)))
    if not found:
        return place
    if not _NOTHING_MORE.fullmatch(found.string[found.end() :].partition("\n")[0]):
        return max(place + 1, _bracket_end(lines, paragraphs, place))
    for other in range(place + 1, min(place + MAX_NOTE_PARAGRAPHS, len(paragraphs))):
        start, stop = paragraphs[other]
        has_gap = other > place + 1 and start - paragraphs[other - 1][1] >= NOTE_GAP_LINES
        if has_gap or _is_long(lines[start:stop]) or _ends_note(_text(lines, start, stop)):
            return other
    return min(place + 2, len(paragraphs))


def _bracket_end(lines: Sequence[str], paragraphs: Sequence[Paragraph], place: int) -> int:
    """The place after one or several paragraphs in brackets; the place itself when none close."""
    if lines[paragraphs[place][0]].lstrip().startswith("["):
        for other in range(place, min(place + MAX_NOTE_PARAGRAPHS, len(paragraphs))):
            if lines[paragraphs[other][1] - 1].rstrip().endswith("]"):
                return other + 1
    return place


def _notes_in_brackets(lines: Sequence[str], paragraphs: Sequence[Paragraph]) -> Iterator[Paragraph]:
    """The transcriber's notes that stand in the book as paragraphs of their own."""
    for place, (first, _) in enumerate(paragraphs):
        if _NOTE.match(lines[first].lstrip()[1:MAX_LINE_CHARS]):
            end = _bracket_end(lines, paragraphs, place)
            if end > place:
                yield first, paragraphs[end - 1][1]


def _is_long(lines: Sequence[str]) -> bool:
    """Whether a paragraph is longer than any note."""
    return sum(map(len, lines)) > MAX_NOTE_CHARS


def _is_lower(line: str) -> bool:
    return line.lstrip(_OPENING_MARKS)[:1].islower()


def _ends_note(text: str) -> bool:
    return _is_rule(text) or text.lstrip().startswith("[Illustration") or _is_title(text)


def _notes_at_end(lines: Sequence[str], paragraphs: Sequence[Paragraph]) -> int:
    """The line where the notes behind the book start, or the number of lines."""
    sizes = [len(line) + 1 for line in lines]
    total = sum(sizes)
    allowed = min(max(BACK_SHARE * total, LEAST_BACK_CHARS), MOST_BACK_SHARE * total)
    end = len(lines)
    behind = 0
    is_last = True
    for place in range(len(paragraphs) - 1, TITLE_PARAGRAPHS, -1):
        first, last = paragraphs[place]
        behind += sum(sizes[first:last])
        if behind > allowed:
            break
        text = _bare("\n".join(_text(lines, *pair) for pair in paragraphs[place : place + 2]))
        if _CORRECTIONS.match(text) or _is_note_at_end(text, is_last=is_last):
            end, is_last = first, True
        else:
            is_last = is_last and all(map(_is_rule, lines[first:last]))
    return end


def _is_note_at_end(text: str, *, is_last: bool) -> bool:
    """Whether a note starts here that is all there is behind the book."""
    found = _NOTE.match(text)
    if not found:
        return False
    return is_last or _NOTHING_MORE.fullmatch(text[found.end() :].partition("\n")[0]) is not None


def _text(lines: Sequence[str], first: int, last: int) -> str:
    return "\n".join(line[:MAX_LINE_CHARS] for line in lines[first:last])


def _bare(text: str) -> str:
    """The text from its first letter on, without the rules and the box that may be drawn around it."""
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if not _is_rule(line)), 0)
    return "\n".join(lines[first:]).lstrip(_BOX)


def _is_rule(text: str) -> bool:
    """Whether a text is blank or nothing but stars or dashes."""
    return _RULE.fullmatch(text[:MAX_LINE_CHARS]) is not None


def _is_title(text: str) -> bool:
    return text.isupper() and sum(map(str.isalpha, text)) >= MIN_TITLE_LETTERS
