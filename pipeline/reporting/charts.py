"""The charts, each a function from numbers to SVG that fits a width in pixels.

Labels are plain text, best short. Bars start at zero; only the two charts that show a trend zoom in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipeline.reporting import numerals, theme
from pipeline.reporting.document import Figure
from pipeline.reporting.escaping import ascii_only

WIDE, NARROW = 784, 360
ROW_PIXELS = 26
MAX_POINTS = 240
CHARACTER_PIXELS = 7.4  # of the 12 px font, generously


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: a bar from `start` to `end`, what is written behind it, and the interval of its end."""

    label: str
    end: float
    value: str
    colour: str = theme.MAIN
    start: float = 0.0
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A named curve; both coordinates have the same length."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    marked: bool = False  # a marker on every point: for the few that were measured apart


@dataclass(frozen=True, slots=True)
class Point:
    """A named point with the interval of its height."""

    label: str
    x: float
    y: float
    interval: tuple[float, float] | None


def figure(name: str, draw: Callable[[int], bytes], *, caption: str, alt: str) -> Figure:
    """A figure for the page from a chart that fits any width."""
    return Figure(name, caption, alt, wide=draw(WIDE), narrow=draw(NARROW))


def bars(rows: Sequence[Bar], width: int, *, reference: float | None = None) -> bytes:
    """Horizontal bars, the first on top, with their values; `reference` is a dashed line across them."""
    height = ROW_PIXELS * len(rows) + 16
    left = _margin([row.label for row in rows], 150 if width == NARROW else 240)
    with theme.drawing(width, height) as sheet:
        plot = theme.axes(sheet, left=left, right=_margin([row.value for row in rows], 110), top=6, bottom=10)
        plot.barh(
            range(len(rows)),
            [row.end - row.start for row in rows],
            left=[row.start for row in rows],
            height=0.66,
            color=[row.colour for row in rows],
        )
        furthest = max((max(row.start, row.end, *(row.interval or ())) for row in rows), default=0.0)
        plot.set_xlim(0, furthest or 1.0)
        plot.set_ylim(len(rows) - 0.45, -0.55)
        _label_rows(plot, rows, room=left)
        if reference is not None:
            plot.axvline(reference, color=theme.INK, linewidth=1.2, dashes=(3, 3))
        return theme.to_svg(sheet)


def curves(lines: Sequence[Line], width: int, *, x_label: str, y_label: str) -> bytes:
    """Curves over a common axis, each named at its last point."""
    height = 300 if width == WIDE else 240
    with theme.drawing(width, height) as sheet:
        plot = theme.axes(
            sheet, left=44, right=_margin([line.label for line in lines], 130), top=28, bottom=44
        )
        for line in lines:
            marker = {"marker": "o", "markersize": 6} if line.marked else {"linewidth": 1.6}
            plot.plot(line.x, line.y, color=line.colour, **marker)
        plot.set_xlim(left=0)
        ends = [line.y[-1] for line in lines]
        for line, place in zip(lines, spread(ends, gap=_pixels_to_data(plot, 16)), strict=True):
            plot.annotate(
                ascii_only(line.label),
                (line.x[-1], place),
                xytext=(9, 0),
                textcoords="offset points",
                va="center",
                color=line.colour,
                annotation_clip=False,
            )
        _trend_axes(plot, x_label, y_label, ticks=6 if width == WIDE else 4)
        plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numerals.short_count(value)))
        return theme.to_svg(sheet)


def scatter(points: Sequence[Point], width: int, *, x_label: str, y_label: str) -> bytes:
    """Named points with whiskers, over an x axis that starts at zero."""
    height = 280 if width == WIDE else 240
    with theme.drawing(width, height) as sheet:
        plot = theme.axes(sheet, left=52, right=60, top=28, bottom=44)
        plot.plot(
            [point.x for point in points], [point.y for point in points], color=theme.FLOOR, linewidth=1.2
        )
        for point in points:
            low, high = point.interval or (point.y, point.y)
            plot.vlines(point.x, low, high, color=theme.MAIN, linewidth=1.6)
            plot.plot([point.x], [point.y], marker="o", markersize=8, color=theme.MAIN)
            place: dict[str, Any] = {
                "xytext": (10, 7),
                "textcoords": "offset points",
                "annotation_clip": False,
            }
            plot.annotate(ascii_only(point.label), (point.x, point.y), color=theme.INK, **place)
        plot.set_xlim(0, 1.08 * max(point.x for point in points))
        plot.margins(y=0.25)
        _trend_axes(plot, x_label, y_label, ticks=6 if width == WIDE else 4)
        return theme.to_svg(sheet)


def thinned(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """At most MAX_POINTS points: the means of equally long stretches of both coordinates, in order.

    >>> thinned([1, 2], [5.0, 4.0])
    ([1.0, 2.0], [5.0, 4.0])
    """
    stretch = -(-len(x) // MAX_POINTS) or 1
    starts = range(0, len(x), stretch)

    def means(values: Sequence[float]) -> list[float]:
        return [sum(values[at : at + stretch]) / len(values[at : at + stretch]) for at in starts]

    return means(x), means(y)


def spread(places: Sequence[float], *, gap: float) -> list[float]:
    """The places moved up as little as needed to be at least `gap` apart, in the given order of entries.

    >>> spread([1.0, 1.1, 3.0], gap=0.5)
    [1.0, 1.5, 3.0]
    """
    moved = list(places)
    order = sorted(range(len(moved)), key=lambda at: moved[at])
    for lower, upper in itertools.pairwise(order):
        moved[upper] = max(moved[upper], moved[lower] + gap)
    return moved


def _label_rows(plot: Axes, rows: Sequence[Bar], *, room: int) -> None:
    """Names on the left, values behind the bars, whiskers on them; no axis of numbers."""
    plot.grid(visible=False)
    plot.spines["bottom"].set_visible(False)
    plot.set_xticks([])
    plot.set_yticks([])
    beside: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    for place, row in enumerate(rows):
        low, high = row.interval or (row.end, row.end)
        plot.hlines(place, low, high, color=theme.INK, linewidth=1.6)
        plot.annotate(row.value, (max(row.start, row.end, high), place), xytext=(6, 0), **beside)
        label = shortened(ascii_only(row.label), room)
        plot.annotate(label, (0, place), xycoords=("figure fraction", "data"), xytext=(0, 0), **beside)


def _trend_axes(plot: Axes, x_label: str, y_label: str, *, ticks: int) -> None:
    """Light horizontal grid, few ticks, the y label above the axis where it reads upright."""
    plot.grid(visible=False, axis="x")
    plot.set_xlabel(x_label)
    plot.set_title(y_label, loc="left", fontsize=12, color=theme.MUTED, pad=10)
    plot.xaxis.set_major_locator(MaxNLocator(ticks))
    plot.yaxis.set_major_locator(MaxNLocator(5))


def shortened(label: str, room: int) -> str:
    """The label, cut with an ellipsis where it would need more than `room` pixels."""
    fitting = int(room / CHARACTER_PIXELS)
    return label if len(label) <= fitting else label[: fitting - 1] + "\u2026"


def _margin(labels: Sequence[str], limit: int) -> int:
    """Room for the longest label, up to the limit."""
    return min(limit, int(CHARACTER_PIXELS * max((len(label) for label in labels), default=0)) + 14)


def _pixels_to_data(plot: Axes, pixels: float) -> float:
    """How far so many pixels are on the y axis as it is now scaled."""
    low, high = plot.get_ylim()
    return abs(high - low) * pixels / plot.get_window_extent().height
