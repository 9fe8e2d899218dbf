"""The main text of HTML pages: what a reader comes for, without menus, notices and links around it.

The text is extracted by resiliparse, whose parser is a browser's in what it makes of broken pages. Beside
trafilatura it keeps a little more around the text and is 14 times as fast (docs/decisions.md). Some pages
make any parser run for hours: whoever reads hostile ones calls `read_page` through
pipeline/corpus/guarding.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

from pipeline.corpus.decoding import decode

MAX_PAGE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class RawPage:
    """The bytes of a page, and its encoding's name where the server said one."""

    data: bytes
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The text of a page, or the `reason` why there is none: too_large, undecodable, no_main_text."""

    text: str = ""
    title: str = ""
    language: str = ""  # what the page says of itself
    encoding: str = ""
    reason: str = ""


def read_page(raw: RawPage) -> Page:
    """The main text of a page.

    >>> read_page(RawPage(b"<title>Mills</title><nav>Home</nav><p>A mill grinds grain into flour.")).text
    'A mill grinds grain into flour.'
    """
    if len(raw.data) > MAX_PAGE_BYTES:
        return Page(reason="too_large")
    decoded = decode(raw.data, declared=_declared(raw))
    if decoded is None:
        return Page(reason="undecodable")
    tree = HTMLTree.parse(decoded.text)
    text = extract_plain_text(
        tree, main_content=True, alt_texts=False, links=False, form_fields=False, comments=False
    )
    root = tree.document.document_element if tree.document is not None else None
    return Page(
        text=text,
        title=tree.title or "",
        language=(root.getattr("lang", "") if root is not None else "") or "",
        encoding=decoded.encoding,
        reason="" if text.strip() else "no_main_text",
    )


def _declared(raw: RawPage) -> str:
    """The encoding that the server says, else the page, else what its bytes look like; by Python's name.

    UTF-16 is not taken at its word: a page that says so in its own bytes is none, which is how browsers see
    it too.
    """
    said = map_encoding_to_html5(raw.charset, fallback_utf8=False) if raw.charset else None
    name = said or detect_encoding(raw.data, from_html_meta=True) or ""
    return "" if name.startswith("utf-16") else name
