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
STRAY_SPACES = 1  # in front of a line, that mean nothing
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
    """How a text was set: the width of its lines and the indent of prose in characters, if most is prose."""

    width: int
    indent: int
    is_prose: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Lines without a gap, how far each is set in, and whether it goes on in small letters."""

    lines: Sequence[str]
    indents: Sequence[int]
    small: Sequence[bool]

    def part(self, first: int, last: int) -> Block:
        """The lines from `first` up to `last`."""
        return Block(self.lines[first:last], self.indents[first:last], self.small[first:last])


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
        [Part(part.lines, _is_prose(part, page)) for part in _parts(_block(block), page)]
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
    for text in found[:: len(found) // SAMPLED_BLOCKS + 1]:
        block = _block(text)
        lines_in_all += len(block.lines)
        if _is_prose(block, strict):
            lines_in_prose += len(block.lines)
            indents[block.indents[1]] += len(block.lines)
    indent = min(indents, key=lambda each: (-indents[each], each), default=0)
    return Page(width, indent, is_prose=lines_in_prose >= PROSE_SHARE * max(1, lines_in_all))


def _block(text: str) -> Block:
    lines = text.split("\n")
    return Block(
        lines,
        [len(line) - len(line.lstrip()) for line in lines],
        [line[:1].islower() or line.lstrip(_OPENING_MARKS)[:1].islower() for line in lines],
    )


def _parts(block: Block, page: Page) -> Iterator[Block]:
    """A block, divided where a heading, a signature, a speaker, a short line or an indented line shows that
    something else begins.
    """
    lines, indents = block.lines, block.indents
    base = min(indents[1:], default=0)
    has_base = indents.count(base) >= MIN_BASE_SHARE * len(lines)
    first = 0
    for number in range(1, len(lines)):
        follows_heading = indents[number - 1] - indents[number] > MAX_PARAGRAPH_INDENT
        is_set_in = has_base and indents[number] > base + STRAY_SPACES
        if follows_heading or is_set_in or not (block.small[number] or _may_go_on(lines, number, page)):
            yield block.part(first, number)
            first = number
    yield block.part(first, len(lines))


def _may_go_on(lines: Sequence[str], number: int, page: Page) -> bool:
    """Whether a line that starts with a capital may continue the one before."""
    before, line = lines[number - 1], lines[number]
    if len(before) < SHORT_SHARE * page.width:
        return False
    return not (_SPOKEN.match(line) and _ends_sentence(before))


def _is_prose(block: Block, page: Page) -> bool:
    """Whether the breaks between these lines are those of a margin."""
    lines = block.lines
    breaks = len(lines) - 1
    if not breaks:
        return False
    left, right = min(block.indents[1:]), max(block.indents[1:])
    hangs = left > block.indents[0] + STRAY_SPACES
    set_in = left > page.indent
    filled = sum(map(len, lines[:-1])) / (breaks * page.width)
    if (
        right - left > STRAY_SPACES
        or left - block.indents[0] > MAX_PARAGRAPH_INDENT
        or filled < (MIN_SET_IN_FILLED_SHARE if set_in else MIN_FILLED_SHARE)
        or _is_tabular(lines)
    ):
        return False
    small = sum(block.small[1:])
    fitting = [
        (lines[number - 1], lines[number])
        for number in range(1, len(lines))
        if not block.small[number] and _fits(lines[number - 1], lines[number], page)
    ]
    unexplained = sum(not _explains(before, line) for before, line in fitting)
    if unexplained > MAX_UNEXPLAINED_SHARE * breaks or (hangs and not page.is_prose):
        return False
    if hangs or set_in or not page.is_prose:
        return small >= MIN_SMALL_SHARE_OF_DOUBTFUL * breaks
    if not small:
        return not fitting and breaks <= MAX_BREAKS_WITHOUT_SMALL
    return small >= MIN_SMALL_SHARE * breaks


def _fits(before: str, line: str, page: Page) -> bool:
    """Whether the first word of a line would have had its place on the line before."""
    return len(before) + 1 + len(line.lstrip().partition(" ")[0]) <= FIT_SHARE * page.width


def _explains(before: str, line: str) -> bool:
    """Whether a line may start with a capital in the middle of prose."""
    return _ends_sentence(before) or _NOT_A_CAPITAL.match(line.lstrip(_OPENING_MARKS)) is not None


def _ends_sentence(line: str) -> bool:
    return _SENTENCE_END.search(line[-MAX_CLOSING_CHARS:]) is not None


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
