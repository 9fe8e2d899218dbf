"""Text from anywhere, made harmless and honest before a reader sees it.

`visible` is for every output: characters that would act instead of show (control characters, bidirectional
overrides, lone surrogates) become their code points. `markdown` and `fenced` are what autoescape is for HTML.
"""

from __future__ import annotations

import re
import unicodedata

from markupsafe import Markup

_KEPT = "\n\t\u200c\u200d"  # line structure, and the joiners that Persian and emoji are spelled with
_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~$#&!]|(?<=www)\.|:(?=//)|^[-+=](?![0-9.])", re.IGNORECASE)
_LIST_ITEM = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_PLAIN_CODE = re.compile(r"[A-Za-z0-9 ._/:@=,-]+")


def visible(text: str) -> str:
    """The text with every character that has no shape of its own written as its code point.

    >>> visible("a\\u202eb\\x1b")
    'a‹U+202E›b‹U+001B›'
    """
    return "".join(_shown(character) for character in text)


def one_line(text: str) -> str:
    """The text with line breaks and runs of spaces as one space."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", text).strip(" ")


def ascii_only(text: str) -> str:
    """The text for a chart, whose font has no glyph for everything: other characters as escapes."""
    return one_line(text).encode("ascii", "backslashreplace").decode("ascii")


def markdown(text: str) -> Markup:
    """The text as inline Markdown that shows as exactly this text: no markup, no HTML, no end of a cell."""
    escaped = _MARKDOWN.sub(r"\\\g<0>", one_line(visible(text)))
    return Markup(_LIST_ITEM.sub(r"\1\\\2", escaped))


def markdown_code(text: str) -> Markup:
    """The text as a Markdown code span where that needs no escapes, else as inline Markdown."""
    return Markup(f"`{text}`") if _PLAIN_CODE.fullmatch(text) and text.strip() == text else markdown(text)


def fenced(text: str) -> Markup:
    """The text as a Markdown code block, behind a fence longer than any inside."""
    shown = visible(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}text\n{shown}\n{fence}")


def _shown(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _UNSEEN:
        return character
    return f"\u2039U+{ord(character):04X}\u203a"
