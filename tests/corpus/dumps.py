"""Small dumps of wikis and files of web archives, made by hand."""

from __future__ import annotations

import gzip
import os
import signal
from xml.sax.saxutils import escape

HEAD = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="de"><siteinfo>'
    '<dbname>dewiki</dbname><namespaces><namespace key="-1">Spezial</namespace><namespace key="0" />'
    '<namespace key="6">Datei</namespace>'
    '<namespace key="14">Kategorie</namespace></namespaces></siteinfo>'
)
PROSE = "Die Mühle mahlt das Korn langsam. " * 3


def crash(argument: object) -> None:
    """Stands in for a parser that does not survive its input."""
    os.kill(os.getpid(), signal.SIGSEGV)


def wiki_page(
    number: int, text: str = PROSE, *, namespace: int = 0, model: str = "wikitext", extra: str = ""
) -> str:
    """One page with a revision of a hundred times its number."""
    return (
        f"<page><title>Seite {number}</title><ns>{namespace}</ns><id>{number}</id>{extra}"
        f"<revision><id>{number * 100}</id><contributor><username>x</username><id>7</id></contributor>"
        f'<model>{model}</model><text bytes="1" xml:space="preserve">{escape(text)}</text></revision></page>'
    )


def wiki_dump(*pages: str, head: str = HEAD) -> bytes:
    """A whole dump."""
    return "".join([head, *pages, "</mediawiki>"]).encode()


def warc_record(
    kind: str, content: bytes, *, content_type: str = "", uri: str = "http://a.org/", **more: str
) -> bytes:
    """One record of a WARC file, with its length."""
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: {uri}",
        "WARC-Date: 2026-01-02T03:04:05Z",
        "WARC-Record-ID: <urn:uuid:1>",
        f"Content-Type: {content_type or 'application/http; msgtype=response'}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in more.items()),
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n\r\n"


def answered(
    body: bytes, *, status: int = 200, content_type: str = "text/html; charset=utf-8", **more: str
) -> bytes:
    """What a server sent, as a response record holds it."""
    headers = [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    head = [f"HTTP/1.1 {status} Well", f"Content-Type: {content_type}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def gzipped(*records: bytes) -> bytes:
    """Records as crawlers pack them: each a gzip stream of its own."""
    return b"".join(gzip.compress(record, mtime=0) for record in records)
