"""Lines broken at a margin joined to paragraphs; verse, plays, tables, lists and addresses left as they are.

A line break between two lines of prose is explained by one of three things: the next line goes on in small
letters, its first word would not have fitted, or a sentence ended. Where nearly all breaks are explained, and
some by small letters, lines were broken by a margin. Lines of verse start with capitals in the middle of a
sentence and end far from the margin.

All takes time in proportion to the length of the text, and what is joined depends on the text alone.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MIN_WIDTH, MAX_WIDTH = 55, 100  # characters: shorter lines are verse, longer ones were not broken
WIDTH_QUANTILE = 0.9
SAMPLED_BLOCKS = 500  # evenly over the text
PROSE_SHARE = 0.5  # of the lines in paragraphs of several: a text with less is verse or a play
FIT_SHARE = 0.85  # of the width: typists broke early as well
SHORT_SHARE = 0.5  # of the width: a shorter line ends where it does on purpose
MIN_FILLED_SHARE, MIN_SET_IN_FILLED_SHARE = (
    0.6,
    0.75,
)  # of the width, by the mean line; the latter when set in
MIN_SMALL_SHARE, MIN_SMALL_SHARE_OF_DOUBTFUL = 0.2, 0.5  # of the breaks before small letters
MAX_UNEXPLAINED_SHARE = 0.2  # of the breaks
MAX_BREAKS_WITHOUT_SMALL = 2  # of a paragraph whose lines all start with capitals
MAX_PARAGRAPH_INDENT = 12  # a first line that is set in further is a heading
MIN_BASE_SHARE = 0.6  # of the lines, at the left edge of a block of indented paragraphs
MAX_CLOSING_CHARS = 8  # the mark that ends a sentence and what may close behind it
MAX_WORD_CHARS = 40  # of a word that is looked up
LEAST_HYPHENATIONS = 5
MIN_HYPHENATION_SHARE = 0.03  # of the joined lines: fewer hyphens at their ends are those of compounds

_GAP = re.compile(r"(\n{2,})")
_TABULAR = re.compile(r"\S {3,}\S|\t|^ *\||\.{4}|(?: \.){4}")
_COLUMN_MARKS = ("   ", "\t", "|", "....", " . .")  # one of them is in whatever _TABULAR finds
_SENTENCE_END = re.compile(r"[.?!:…][\"'’”»)\]_*]*$")
_SPOKEN = re.compile(r"\s*(?:--?|[—–]) ?[^\W\d_a-z]|\s*(?:--?|[—–]) ?[¿¡«]")
_NOT_A_CAPITAL = re.compile(r"I\b")
_OPENING_MARKS = " \t\"'([{_*‘’“”«»`-—–¿¡"
_DASHES = "-—–"
_LEADING_DASH = re.compile(r"(?:--|[—–])\S")
_LAST_WORD = re.compile(r"[^\W\d_]+$")
_HYPHENATED = re.compile(r"(?<![^\W\d_])[^\W\d_]+-\n *[^\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+")
_COMPOUND = re.compile(r"(?<![^\W\d_])[^\W\d_]+-[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Page:
    """How a text was set: how wide its lines are, how far prose is set in, and whether it is mostly prose."""

    width: int
    indent: int
    is_prose: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Lines that belong together, and whether they are one paragraph of prose."""

    lines: Sequence[str]
    is_prose: bool


def join_wrapped_lines(text: str) -> str:
    """The text with the lines of each prose paragraph joined; unchanged when it was not broken at a margin.

    >>> join_wrapped_lines(
    ...     "Call me Ishmael. Some years ago, never mind how long precisely,\\n"
    ...     "having little or no money in my purse, I thought I would sail."
    ... )[40:90]
    'ind how long precisely, having little or no money '
    """
    width = _width(text)
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        return text
    blocks = _GAP.split(text)  # block, gap, block, gap, ..., block
    page = _page(blocks[::2], width)
    parts = [
        [Part(lines, _is_prose(lines, page)) for lines in _parts(block.split("\n"), page)]
        for block in blocks[::2]
    ]
    join = _joiner(text, [part.lines for found in parts for part in found if part.is_prose])
    blocks[::2] = [
        "\n".join(join(part.lines) if part.is_prose else "\n".join(part.lines) for part in found)
        for found in parts
    ]
    return "".join(blocks)


def _width(text: str) -> int:
    """Where lines were broken: a high quantile of the lengths of those that another line follows."""
    lengths = sorted(len(line) for line, after in itertools.pairwise(text.split("\n")) if line and after)
    return lengths[int(len(lengths) * WIDTH_QUANTILE)] if lengths else 0


def _page(blocks: Sequence[str], width: int) -> Page:
    """What the plainest paragraphs show of the whole text."""
    strict = Page(width, MAX_WIDTH, is_prose=False)
    lines_in_all = lines_in_prose = 0
    indents: Counter[int] = Counter()
    found = [block for block in blocks if "\n" in block]
    for block in found[:: len(found) // SAMPLED_BLOCKS + 1]:
        lines = block.split("\n")
        lines_in_all += len(lines)
        if _is_prose(lines, strict):
            lines_in_prose += len(lines)
            indents[_indents(lines)[1]] += len(lines)
    indent = min(indents, key=lambda each: (-indents[each], each), default=0)
    return Page(width, indent, is_prose=lines_in_prose >= PROSE_SHARE * max(1, lines_in_all))


def _parts(lines: Sequence[str], page: Page) -> Iterator[list[str]]:
    """The lines of a block, divided where a heading, a signature, a speaker, a short line or an indented line
    shows that something else begins.
    """
    indents = _indents(lines)
    base = min(indents[1:], default=0)
    has_base = indents.count(base) >= MIN_BASE_SHARE * len(lines)
    part = [lines[0]]
    for number in range(1, len(lines)):
        line, before = lines[number], lines[number - 1]
        follows_heading = indents[number - 1] - indents[number] > MAX_PARAGRAPH_INDENT
        is_set_in = has_base and indents[number] > base + 1
        goes_on = _goes_on(line)
        is_short = len(before) < SHORT_SHARE * page.width and not goes_on
        is_spoken = not goes_on and _SPOKEN.match(line) is not None and _ends_sentence(before)
        if follows_heading or is_set_in or is_short or is_spoken:
            yield part
            part = []
        part.append(line)
    yield part


def _is_prose(lines: Sequence[str], page: Page) -> bool:
    """Whether the breaks between these lines are those of a margin."""
    breaks = len(lines) - 1
    if not breaks:
        return False
    indents = _indents(lines)
    left, right = min(indents[1:]), max(indents[1:])
    hang = left - indents[0]
    set_in = left > page.indent
    filled = sum(map(len, lines[:-1])) / (breaks * page.width)
    if (
        right - left > 1
        or hang > MAX_PARAGRAPH_INDENT
        or filled < (MIN_SET_IN_FILLED_SHARE if set_in else MIN_FILLED_SHARE)
        or _is_tabular(lines)
    ):
        return False
    small = unexplained = fitting = 0
    for line, after in itertools.pairwise(lines):
        if _goes_on(after):
            small += 1
        elif len(line) + 1 + len(after.lstrip().partition(" ")[0]) <= FIT_SHARE * page.width:
            fitting += 1
            unexplained += not (_ends_sentence(line) or _NOT_A_CAPITAL.match(after.lstrip(_OPENING_MARKS)))
    if unexplained > MAX_UNEXPLAINED_SHARE * breaks:
        return False
    if not page.is_prose:
        return hang <= 1 and small >= MIN_SMALL_SHARE_OF_DOUBTFUL * breaks
    if set_in or hang > 1:
        return small >= MIN_SMALL_SHARE_OF_DOUBTFUL * breaks
    return small >= MIN_SMALL_SHARE * breaks or (
        not small and not fitting and breaks <= MAX_BREAKS_WITHOUT_SMALL
    )


def _is_tabular(lines: Sequence[str]) -> bool:
    """Whether half of the lines have columns, which is seldom worth a search."""
    text = "\n".join(lines)
    if not any(mark in text for mark in _COLUMN_MARKS):
        return False
    return 2 * sum(_TABULAR.search(line) is not None for line in lines) >= len(lines)


def _joiner(text: str, paragraphs: Sequence[Sequence[str]]) -> Callable[[Sequence[str]], str]:
    """What makes one line of a paragraph's lines.

    A hyphen at a line's end goes where the text divides words at all, unless it writes the compound elsewhere
    or both halves are words of it; a dash stays without a space when it has none before it.
    """
    breaks = sum(len(lines) - 1 for lines in paragraphs)
    divided = sum(line.endswith("-") and line[-2:-1].isalpha() for lines in paragraphs for line in lines[:-1])
    if divided < max(LEAST_HYPHENATIONS, MIN_HYPHENATION_SHARE * breaks):
        return lambda lines: _joined(lines, lambda first, second: True)
    whole = _HYPHENATED.sub(" ", text.casefold())
    words, compounds = set(_WORD.findall(whole)), set(_COMPOUND.findall(whole))

    def is_compound(first: str, second: str) -> bool:
        if f"{first}-{second}" in compounds:
            return True
        return first + second not in words and first in words and second in words

    return lambda lines: _joined(lines, is_compound)


def _joined(lines: Sequence[str], is_compound: Callable[[str, str], bool]) -> str:
    pieces = [lines[0]]
    for line in lines[1:]:
        before, after = pieces[-1], line.lstrip()
        bare = before.rstrip(_DASHES)
        if bare == before:
            pieces += ["" if _LEADING_DASH.match(after) else " ", after]
            continue
        first, second = _LAST_WORD.search(bare[-MAX_WORD_CHARS:]), _WORD.match(after[:MAX_WORD_CHARS])
        is_divided = before.endswith("-") and len(before) - len(bare) == 1 and after[:1].islower()
        if first and second and is_divided and not is_compound(first[0].casefold(), second[0].casefold()):
            pieces[-1] = bare
        pieces += [" " if bare.endswith(" ") else "", after]
    return "".join(pieces)


def _goes_on(line: str) -> bool:
    """Whether a line starts in small letters, as in the middle of a sentence."""
    return line[:1].islower() or line.lstrip(_OPENING_MARKS)[:1].islower()


def _ends_sentence(line: str) -> bool:
    return _SENTENCE_END.search(line[-MAX_CLOSING_CHARS:]) is not None


def _indents(lines: Sequence[str]) -> list[int]:
    return [len(line) - len(line.lstrip()) for line in lines]
