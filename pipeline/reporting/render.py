"""A page as HTML and as Markdown.

Both templates escape everything by default. In HTML Jinja's autoescape does; in Markdown, where its escapes
would be the wrong ones, `markdown` comes first. Characters that act instead of show are made visible in both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.reporting import theme
from pipeline.reporting.document import Page, Row, Table
from pipeline.reporting.escaping import fenced, markdown, markdown_code, visible


def to_html(page: Page) -> str:
    """The page as one self-contained HTML file: no script, no remote resource."""
    environment = _environment(lambda value: value if isinstance(value, Markup) else visible(str(value)))
    environment.globals["svg"] = lambda svg, label: theme.inline(svg, label=label)
    return environment.get_template("page.html.j2").render(page=page)


def to_markdown(page: Page, *, figures: str) -> str:
    """The page as GitHub Markdown that links its charts as `{figures}/{name}.svg`."""
    environment = _environment(lambda value: value if isinstance(value, Markup) else markdown(str(value)))
    environment.filters.update(fenced=fenced, lines=table_lines)
    return environment.get_template("page.md.j2").render(page=page, figures=figures)


def table_lines(table: Table) -> Markup:
    """The table in Markdown's pipe syntax, totals and marked rows in bold."""
    rules = [" ---: " if align == "number" else " --- " for align in table.align]
    lines = [_pipes(markdown(title) for title in table.columns), Markup("|".join(["", *rules, ""]))]
    lines += [_pipes(_cells(table, row)) for row in table.rows]
    return Markup("\n").join(lines)


def _cells(table: Table, row: Row) -> list[Markup]:
    escapes = [markdown_code if align == "code" else markdown for align in table.align]
    cells = [escape(cell) for escape, cell in zip(escapes, row.cells, strict=True)]
    if row.role in {"total", "marked"}:
        return [Markup(f"**{cell}**") if cell else cell for cell in cells]
    return cells


def _pipes(cells: Any) -> Markup:
    return Markup("| ") + Markup(" | ").join(cells) + Markup(" |")


def _environment(finalize: Callable[[Any], Any]) -> Environment:
    """Templates of this package, with autoescape on and no silence about a missing name."""
    return Environment(
        loader=PackageLoader("pipeline.reporting"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
