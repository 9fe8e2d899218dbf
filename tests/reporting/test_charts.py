"""Charts are SVG of stable bytes, safe to put into a page."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib
import pytest

from pipeline.reporting import theme
from pipeline.reporting.charts import (
    NARROW,
    WIDE,
    Bar,
    Line,
    Point,
    bars,
    curves,
    scatter,
    shortened,
    spread,
    thinned,
)

BARS = [
    Bar("read", 100, "100"),
    Bar("too short <b> $x$", 100, "\u221240", theme.LOSS, start=60),
    Bar("none", 0, "0"),
]
LINES = [
    Line("train", [1, 2, 3], [3.0, 2.0, 1.0], theme.MAIN),
    Line("validation", [3], [1.0], theme.LOSS, True),
]
POINTS = [Point("int8", 7.9, 1.9, (1.8, 2.0)), Point("original", 29.6, 1.9, None)]


def drawn(width: int) -> list[bytes]:
    """One of each chart."""
    return [
        bars(BARS, width, reference=80.0),
        curves(LINES, width, x_label="tokens", y_label="loss"),
        scatter(POINTS, width, x_label="MB", y_label="bits"),
    ]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_chart_is_well_formed_svg_of_the_width_asked_for(width: int) -> None:
    for svg in drawn(width):
        root = ElementTree.fromstring(svg)
        assert root.attrib["viewBox"].split()[2] == str(width)


def test_the_same_chart_is_the_same_bytes_whatever_the_settings_of_the_machine() -> None:
    before = drawn(WIDE)
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "svg.fonttype": "path"}):
        assert drawn(WIDE) == before


def test_no_chart_tells_when_where_or_by_what_it_was_drawn(tmp_path: Path) -> None:
    for svg in drawn(WIDE):
        text = svg.decode()
        assert "matplotlib.org" not in text
        assert "metadata" not in text
        assert str(Path.home()) not in text


def test_a_chart_in_a_page_takes_its_colours_from_the_page_and_styles_nothing_else() -> None:
    for svg in drawn(WIDE):
        element = theme.inline(svg, label='a "chart" <of>')
        assert element.startswith("<svg viewBox=")
        assert "var(--main)" in element
        assert "#" not in element.replace("url(#", "").replace('xlink:href="#', "").replace("&#34;", "")
        assert "<style" not in element
        assert "&lt;of&gt;" in element


def test_labels_of_data_are_text_never_markup() -> None:
    svg = bars(BARS, WIDE).decode()
    assert "too short &lt;b&gt; $x$" in svg
    assert "<b>" not in svg


def test_a_long_curve_is_thinned_to_means_and_a_short_one_is_kept() -> None:
    x, y = thinned(list(range(1000)), [float(value % 2) for value in range(1000)])
    assert len(x) == len(y) == 200
    assert (x[0], y[0]) == (2.0, 0.4)
    assert thinned([1, 2], [5.0, 4.0]) == ([1.0, 2.0], [5.0, 4.0])


def test_labels_that_would_overlap_are_moved_apart() -> None:
    assert spread([1.0, 1.1, 3.0], gap=0.5) == [1.0, 1.5, 3.0]
    assert spread([1.1, 1.0], gap=0.5) == [1.5, 1.0]


def test_a_label_longer_than_its_room_ends_in_an_ellipsis() -> None:
    assert shortened("short", 100) == "short"
    assert shortened("far too long for this room", 74) == "far too l\u2026"
