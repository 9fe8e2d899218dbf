"""A page is self-contained, and whatever text it carries stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from pipeline.reporting import theme
from pipeline.reporting.charts import Bar, bars, figure
from pipeline.reporting.document import Folded, Page, Passage, Prose, Row, Section, Table, Terms, Tile
from pipeline.reporting.render import to_html, to_markdown
from tests.reporting.material import HOSTILE

VOID = {"meta", "link", "img", "br", "hr", "path", "use"}


class Outline(HTMLParser):
    """Every tag, attribute and text of a page; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_page() -> Page:
    """Every kind of block, each with hostile text in every place."""
    chart = figure("name", lambda width: bars([Bar(HOSTILE, 1, "1")], width), caption=HOSTILE, alt=HOSTILE)
    table = Table(HOSTILE, (HOSTILE, "code"), ("text", "code"), (Row((HOSTILE, HOSTILE), "marked"),))
    blocks = (chart, table, Prose(HOSTILE), Terms(((HOSTILE, HOSTILE),)), Passage(HOSTILE, HOSTILE, HOSTILE))
    section = Section("anchor", HOSTILE, HOSTILE, (*blocks, Folded(HOSTILE, blocks)))
    return Page(HOSTILE, (Prose(HOSTILE),), (Tile(HOSTILE, HOSTILE, HOSTILE),), (section, section, section))


def test_hostile_text_in_every_place_stays_text_in_html() -> None:
    html = to_html(hostile_page())
    outline = Outline(html)
    assert "script" not in outline.tags
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    assert outline.text.count('</pre><script>alert("x")</script>‹U+202E›‹U+001B›[2J') > 30
    assert not re.search("[\u202e\x1b]", html)


def test_a_page_allows_and_names_nothing_from_elsewhere() -> None:
    outline = Outline(to_html(hostile_page()))
    policy = dict(outline.attributes)["content"]
    contents = [value for name, value in outline.attributes if name == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in contents, policy
    loading = {"src", "srcset", "href", "xlink:href", "action", "data", "poster"}
    assert all(value.startswith("#") for name, value in outline.attributes if name in loading)
    assert not {"link", "iframe", "object", "embed", "form", "base", "img"} & set(outline.tags)
    assert "@import" not in to_html(hostile_page())


def test_hostile_text_in_every_place_stays_text_in_markdown() -> None:
    text = to_markdown(hostile_page(), figures="figures")
    outside = re.sub(r"^(`{3,})text\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert outside.count(r"\<script\>") > 20
    assert not re.search(r"(?<!\\)<", outside)
    assert re.findall(r"(?<!\\)!\[.*\]\((.*)\)", outside) == ["figures/name.svg"] * 6
    assert not re.search("[\u202e\x1b]", text)
    rows = [line for line in outside.splitlines() if line.startswith("| **")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_lone_surrogates_do_not_keep_a_page_from_being_written() -> None:
    page = Page("title \ud800", (), (), ())
    assert "title ‹U+D800›".encode() in to_html(page).encode("utf-8")
    assert to_markdown(page, figures="figures").encode("utf-8").startswith("# title ‹U+D800›".encode())


def test_the_page_has_a_colour_for_every_role_of_a_chart_in_both_modes() -> None:
    html = to_html(Page("title", (), (), ()))
    for role in theme.COLOURS:
        assert html.count(f"--{role}: #") == 2, role


def test_light_colours_of_the_page_are_those_of_the_files() -> None:
    html = to_html(Page("title", (), (), ()))
    for role, colour in theme.COLOURS.items():
        assert f"--{role}: {colour};" in html
