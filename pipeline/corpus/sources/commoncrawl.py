"""Web pages of Common Crawl, or of another crawler, from `data/sources/commoncrawl` or a URL.

    *.warc.gz, *.warc, ...           the answers of servers: the main text of each HTML page is taken
    *.warc.wet.gz, *.wet.gz, ...     the text that the crawler took out of each page, menus and all

Files may be packed as .gz, .bz2, .xz or .zst, or not at all. Dropped records:

    other_record     requests, metadata and what else a crawler notes
    http_status      an answer other than 200
    not_html         pictures, feeds, plain text and the like
    too_large        a page of more than pages.MAX_PAGE_BYTES
    undecodable      bytes that are no text (see pipeline/corpus/decoding.py)
    no_main_text     a page that is all menus
    too_complex      a page that takes seconds to parse (see pipeline/corpus/guarding.py)
    unknown_format   a file with another ending, .wat among them
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus.decoding import decode
from pipeline.corpus.fetching import fetched_file
from pipeline.corpus.folders import files_below, relative_name
from pipeline.corpus.guarding import Guarded
from pipeline.corpus.ingestion import Rejected, document
from pipeline.corpus.pages import MAX_PAGE_BYTES, Page, RawPage, read_page
from pipeline.corpus.unpacking import FORMS, open_unpacked
from pipeline.corpus.warc import Answer, Record, answer, charset, records
from pipeline.errors import DataError
from pipeline.records import Document
from pipeline.settings.ingest import CommonCrawlParams

SOURCE = "commoncrawl"
SUFFIXES = tuple(f"{kind}{packed}" for kind in (".warc", ".wet") for packed in ("", *FORMS))
KINDS = frozenset({"response", "conversion"})
MAX_RECORD_BYTES = MAX_PAGE_BYTES + 2**20  # with the server's headers
_HTML = re.compile(r"\s*(text/html|application/xhtml\+xml)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One file to be read; and files that are no archives."""

    folder: Path
    paths: tuple[Path, ...]
    licence: str
    passed_over: tuple[Rejected, ...] = ()


def parts(folder: Path, params: CommonCrawlParams, *, downloads: Path) -> Mapping[str, Part]:
    """Each file as a part. DataError when there are none, SourceError when the URL cannot be fetched."""
    if params.url is not None:
        path = fetched_file(params.url, downloads, suffixes=SUFFIXES, key="ingest.commoncrawl.url")
        return {"file-00000": Part(path.parent, (path,), params.licence)}
    files = files_below(folder)
    paths = [path for path in files if path.name.lower().endswith(SUFFIXES)]
    if not paths:
        raise DataError(
            f"{folder}: no .warc, .warc.gz or .wet.gz file; put one there, set ingest.commoncrawl.url, or "
            "set its enabled to false"
        )
    others = [Rejected(relative_name(path, folder), "unknown_format") for path in files if path not in paths]
    found = {f"file-{number:05d}": Part(folder, (path,), params.licence) for number, path in enumerate(paths)}
    return {**found, "passed-over": Part(folder, (), params.licence, tuple(others))} if others else found


def read(part: Part) -> Iterator[Document | Rejected]:
    """The pages of the part's file."""
    yield from part.passed_over
    with Guarded(read_page) as guarded_page:
        for path in part.paths:
            name = relative_name(path, part.folder)
            with open_unpacked(path) as file:
                found = records(file, name=str(path), kinds=KINDS, max_bytes=MAX_RECORD_BYTES)
                for number, record in enumerate(found, start=1):
                    yield _as_document(record, f"{name}:{number}", part, guarded_page)


def _as_document(record: Record, origin: str, part: Part, guarded_page: Guarded[Page]) -> Document | Rejected:
    page = _plain_page(record) if record.kind == "conversion" else _html_page(record, guarded_page)
    if page.reason:
        return Rejected(f"{origin} {record.uri}".rstrip(), page.reason)
    metadata = {
        "url": record.uri,
        "date": record.date,
        "encoding": page.encoding,
        "language": record.language or page.language,
        "cut": "yes" if record.is_cut else "",
    }
    return document(
        SOURCE,
        origin,
        page.text,
        title=page.title,
        licence=part.licence,
        metadata={name: value for name, value in metadata.items() if value},
    )


def _plain_page(record: Record) -> Page:
    if record.content is None:
        return Page(reason="too_large")
    decoded = decode(record.content)
    if decoded is None:
        return Page(reason="undecodable")
    reason = "" if decoded.text.strip() else "no_main_text"
    return Page(text=decoded.text, encoding=decoded.encoding, reason=reason)


def _html_page(record: Record, guarded_page: Guarded[Page]) -> Page:
    if record.kind != "response" or record.content_type != "application/http":
        return Page(reason="other_record")
    sent = None if record.content is None else answer(record.content, max_bytes=MAX_PAGE_BYTES)
    if sent is None:
        return Page(reason="too_large")
    if reason := _why_no_page(sent):
        return Page(reason=reason)
    page = guarded_page(RawPage(sent.body, charset(sent.headers["content-type"])))
    return Page(reason="too_complex") if page is None else page


def _why_no_page(sent: Answer) -> str:
    if sent.status != 200:
        return "http_status"
    return "" if _HTML.match(sent.headers.get("content-type", "")) else "not_html"
