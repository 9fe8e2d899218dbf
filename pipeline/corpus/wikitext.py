"""Plain text of wikitext: the sentences of an article, without what a wiki adds to them.

References, tables, pictures, categories and what templates make (boxes, notices, coordinates) go; of a few
templates that stand for words in a sentence the words stay. Headings stay as lines, unless no text follows.
Some wikitext keeps any parser busy for minutes: whoever reads hostile text calls `plain_text` through
pipeline/corpus/guarding.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import wikitextparser
from wikitextparser import Template

_REMOVED = (
    "ref|references|gallery|timeline|imagemap|score|graph|mapframe|maplink|hiero|templatestyles|section"
)
_TAG = re.compile(rf"<!--|<(/?)({_REMOVED})\b[^<>]*>", re.IGNORECASE)
_SWITCH = re.compile(r"__[A-Z]{3,30}__")
_HEADING = re.compile(r"(={1,6})[ \t]*([^\n]*?)[ \t]*\1[ \t]*")
_MARKER = re.compile(r"[*#:;]+[ \t]*")
_EMPTY_BRACKETS = re.compile(r"[ \xa0]?\([ \xa0,;]*\)")
_LOOSE_IN_BRACKET = re.compile(r"(?<=\()[ \xa0]*[,;][ \xa0,;]*|[,;][ \xa0,;]*(?=\))")
_LOOSE_MARK = re.compile(r" +([,.;:])(?=\s|\Z)")  # behind what a template said
_SPACES = re.compile(r"[ \t\xa0]{2,}")

_FIRST = {
    *(
        "nowrap",
        "nobr",
        "small",
        "big",
        "smaller",
        "larger",
        "em",
        "strong",
        "sc",
        "smallcaps",
        "mvar",
        "math",
    ),
    *("quote", "blockquote", "quotation", "cquote", "bq", "nihongo", "transl", "not a typo", "as written"),
}
_SECOND = {"lang", "transliteration", "angbr", "abbr link"}
_SIGNS = {
    **dict.fromkeys(("snd", "spnd", "spaced ndash", "ndash", "dash"), " – "),
    **dict.fromkeys(("mdash", "emdash"), "—"),
    **dict.fromkeys(("nbsp", "space", "thinsp", "pad"), " "),
    **{"'": "'", "'s": "'s", "\"'": "\"'", "'\"": "'\"", "=": "=", "!": "|"},
}
_RANGES = {"to", "and", "or", "by", "x", "-", "–", "to(-)", "+/-"}


@dataclass(frozen=True, slots=True)
class Wikitext:
    """An article, and what its wiki calls the namespaces whose links are no words of it."""

    text: str
    unspoken_namespaces: tuple[str, ...] = ("File", "Image", "Category")


def plain_text(article: Wikitext) -> str:
    """The text of an article.

    >>> plain_text(Wikitext("'''Flour''' is a [[powder (substance)|powder]].<ref>A book</ref>"))
    'Flour is a powder.'
    """
    parsed = wikitextparser.parse(_without_tags(article.text))
    names = {name.strip().lower() for name in article.unspoken_namespaces}
    for link in reversed(parsed.wikilinks):
        if link.target.partition(":")[0].strip().lower() in names and ":" in link.target:
            link.string = ""
    text = parsed.plain_text(replace_templates=_words, replace_tables=lambda table: "")
    return "\n".join(_with_used_headings(_lines(text))).strip("\n")


def _without_tags(text: str) -> str:
    """The text without comments and without the tags of _REMOVED and what they hold.

    One that is not closed loses itself alone, a comment the rest, as in MediaWiki.
    """
    kept: list[str] = []
    never_closed: set[str] = set()
    lowered = text.lower() if text.isascii() else text
    at = 0
    while match := _TAG.search(text, at):
        kept.append(text[at : match.start()])
        at = match.end()
        closing, name = match.group(1), (match.group(2) or "").lower()
        if not name:
            end = text.find("-->", at)
            at = len(text) if end < 0 else end + 3
        elif not closing and not match.group().endswith("/>") and name not in never_closed:
            end = lowered.find(f"</{name}", at)
            if end < 0:
                never_closed.add(name)
            else:
                at = end
    return "".join([*kept, text[at:]])


def _words(template: Template) -> str:
    """What a template says within a sentence; nothing for most."""
    name = template.normal_name(capitalize=False).replace("_", " ").lower()
    values = [argument.value.strip() for argument in template.arguments if argument.positional]
    if name in _SIGNS:
        return _SIGNS[name]
    if name in {"convert", "cvt"}:
        shown = values[:4] if len(values) > 3 and values[1] in _RANGES else values[:2]
        return " ".join(shown)
    if name in {"circa", "c."}:
        return " ".join(["c.", *values[:1]])
    if name in {"frac", "sfrac", "fraction"}:
        return "/".join(values[:2])
    place = 1 if name in _SECOND else 0 if name in _FIRST or name.startswith("lang-") else len(values)
    return wikitextparser.remove_markup(values[place]) if place < len(values) else ""


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its level as a heading, 0 for what is none; lists without their markers."""
    for raw in text.split("\n"):
        line = _SWITCH.sub("", raw).rstrip()
        if heading := _HEADING.fullmatch(line):
            yield len(heading.group(1)), heading.group(2)
            continue
        line = _LOOSE_IN_BRACKET.sub("", _EMPTY_BRACKETS.sub("", line))
        marker = _MARKER.match(line)
        if marker:
            rest = line[marker.end() :]
            line = f"- {rest}" if rest and marker.group()[0] in "*#" else rest
        yield 0, _LOOSE_MARK.sub(r"\1", _SPACES.sub(" ", line)).strip()


def _with_used_headings(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    """The lines with a blank one around headings, at most one between, no heading without text under it."""
    waiting: list[tuple[int, str]] = []
    blank = True
    for level, line in lines:
        if level:
            waiting = [*(heading for heading in waiting if heading[0] < level), (level, line)]
            continue
        if not line:
            blank = True
            continue
        for _, heading in waiting:
            yield from ("", heading)
        if blank or waiting:
            yield ""
        yield line
        waiting, blank = [], False
