"""How charts look, and how a drawing becomes SVG: for a file, and inside a page that is light or dark.

Charts are drawn in the colours below. In the page each colour is a CSS variable of the same role, so that
charts follow the reader's light or dark mode; a file keeps the light colours on an opaque ground. Equal
drawings are equal bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Drawing

from pipeline.reporting.escaping import visible

PIXELS_PER_INCH = 72  # one unit of the SVG is one CSS pixel
INK, MUTED, GRID, GROUND = "#1d2329", "#5d6772", "#dfe3e8", "#fdfdfc"
MAIN, LOSS, SECOND, FLOOR = (
    "#2166ac",
    "#c8553d",
    "#2a8c7c",
    "#a3abb5",
)  # told apart by every kind of colour vision
COLOURS = {
    "ink": INK,
    "muted": MUTED,
    "grid": GRID,
    "ground": GROUND,
    "main": MAIN,
    "loss": LOSS,
    "second": SECOND,
    "floor": FLOOR,
}
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gristmill",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same measures everywhere
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "grid.linewidth": 1.0,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": GROUND,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
}
_ROOT = re.compile(r"<svg\b[^>]*viewBox=\"([^\"]+)\"[^>]*>(.*)</svg>", re.DOTALL)
_DEFINED_STYLE = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_GROUP_NAME = re.compile(r"<g id=\"[^\"]*\"")
_FONT = re.compile(r" font-family: [^;\"]*;?")


@contextmanager
def drawing(width: int, height: int) -> Iterator[Drawing]:
    """An empty drawing of so many pixels, under this theme alone whatever the machine's settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)  # type: ignore[arg-type]
        yield Drawing(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), dpi=PIXELS_PER_INCH)


def axes(figure: Drawing, *, left: int, right: int, top: int, bottom: int) -> Axes:
    """Axes that leave margins of so many pixels."""
    width, height = (side * PIXELS_PER_INCH for side in figure.get_size_inches())
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    return figure.add_axes(box)


def to_svg(figure: Drawing) -> bytes:
    """The drawing as an SVG file without date, program or path in it."""
    data = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_figure(data, format="svg", metadata=nothing, facecolor=GROUND)
    return data.getvalue()


def inline(svg: bytes, *, label: str) -> Markup:
    """What `to_svg` made as an element for a page: colours by role, its font, a label for screen readers."""
    found = _ROOT.search(svg.decode("utf-8"))
    assert found, "not an SVG that to_svg made"
    view_box, body = found.groups()
    body = _FONT.sub("", _GROUP_NAME.sub("<g", _DEFINED_STYLE.sub("", body)))
    for role, colour in COLOURS.items():
        body = body.replace(colour, f"var(--{role})")
    # The body is our own drawing: matplotlib escaped the labels in it; the label here becomes an attribute.
    opening = f'<svg viewBox="{view_box}" role="img" aria-label="{escape(visible(label))}">'
    return Markup(opening + body.strip() + "</svg>")
