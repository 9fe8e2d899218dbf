"""What a page is made of: sections of blocks, still without any markup.

The same document becomes HTML and Markdown (render.py), so both always say the same. Every string in it is
plain text: escaping is the renderers' business and happens to all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Tone = Literal["plain", "good", "bad", "marked"]
Align = Literal["text", "number", "code"]
Role = Literal["plain", "total", "detail", "marked"]


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one table row, as many as the table has columns."""

    cells: tuple[str, ...]
    role: Role = "plain"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column titles; `align` says for each column whether it holds words, numbers or code."""

    caption: str
    columns: tuple[str, ...]
    align: tuple[Align, ...]
    rows: tuple[Row, ...]
    kind: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        widths = {len(self.columns), len(self.align), *(len(row.cells) for row in self.rows)}
        assert len(widths) == 1, f"table {self.caption!r} has rows of {sorted(widths)} cells"


def words_then_numbers(columns: Sequence[str]) -> tuple[Align, ...]:
    """The alignment of a table whose first column names what the others count."""
    numbers: list[Align] = ["number" for _ in columns[1:]]
    return ("text", *numbers)


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as SVG, drawn for a wide and for a narrow screen; `alt` says in words what it shows."""

    name: str
    caption: str
    alt: str
    wide: bytes
    narrow: bytes
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph; tone `marked` sets it off as something to notice."""

    text: str
    tone: Tone = "plain"
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True, slots=True)
class Passage:
    """Text that a program wrote, shown as it is: whose it is, what it was asked, what it answered."""

    speaker: str
    prompt: str
    text: str
    kind: ClassVar[str] = "passage"


@dataclass(frozen=True, slots=True)
class Terms:
    """Words and what they mean."""

    entries: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "terms"


Block = Table | Figure | Prose | Passage | Terms


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks that a reader opens when needed."""

    summary: str
    blocks: tuple[Block, ...]
    kind: ClassVar[str] = "folded"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with an anchor to link to."""

    anchor: str
    title: str
    lead: str
    blocks: tuple[Block | Folded, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure: what it is, its value, and what to make of it."""

    label: str
    value: str
    note: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page: the verdict in one paragraph, the headline figures, then the sections."""

    title: str
    verdict: tuple[Prose, ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]

    def figures(self) -> tuple[Figure, ...]:
        """Every figure on the page, in order."""
        blocks = [block for section in self.sections for block in section.blocks]
        flat = [
            inner for block in blocks for inner in (block.blocks if isinstance(block, Folded) else (block,))
        ]
        return tuple(block for block in flat if isinstance(block, Figure))
