"""The pages of a MediaWiki dump, read as a stream: memory holds one page, however large the dump is.

What the file says of itself is not trusted: it may declare no entities (a few lines of which can stand for
gigabytes), a page's text is held up to MAX_TEXT_CHARS, and nothing else of it is held at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from xml.parsers import expat

from pipeline.errors import DataError, IntegrityError

MAX_TEXT_CHARS = 4 * 2**20  # MediaWiki itself allows 2 MiB
MAX_FIELD_CHARS = 10_000
MAX_DEPTH = 16
CHUNK_BYTES = 2**18
MOST_BYTES_OF_ONE_TAG = 2**20
FILE_NAMESPACE, CATEGORY_NAMESPACE = 6, 14
_ROOT = "mediawiki"
_SITE = {"mediawiki/siteinfo/dbname", "mediawiki/siteinfo/namespaces/namespace"}
_PAGE = {
    "mediawiki/page/title",
    "mediawiki/page/ns",
    "mediawiki/page/id",
    "mediawiki/page/revision/id",
    "mediawiki/page/revision/model",
    "mediawiki/page/revision/text",
}


@dataclass(frozen=True, slots=True)
class WikiSite:
    """What the head of a dump says: `enwiki`, `en`, and its names of namespaces by their numbers."""

    name: str
    language: str
    namespaces: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class WikiPage:
    """One page in its last revision; `text` is wikitext, None when it is longer than MAX_TEXT_CHARS."""

    site: WikiSite
    title: str
    namespace: str
    page_id: str
    revision_id: str
    model: str
    is_redirect: bool
    text: str | None


def wiki_pages(file: BinaryIO, *, name: str) -> Iterator[WikiPage]:
    """Every page of a dump, in order.

    Raises DataError when the file is no dump, IntegrityError when it is damaged or cut; both name it.
    """
    reader = _Reader(name)
    while data := file.read(CHUNK_BYTES):
        yield from reader.feed(data, is_last=False)
    yield from reader.feed(b"", is_last=True)


class _Reader:
    """Takes what is needed out of the events of a parser."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._fed = 0
        self._path: list[str] = []
        self._field: list[str] | None = None
        self._field_chars = 0
        self._fields: dict[str, str | None] = {}
        self._key = ""
        self._is_redirect = False
        self._site_name = self._language = ""
        self._namespaces: dict[int, str] = {}
        self._site: WikiSite | None = None
        self._pages: list[WikiPage] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.buffer_size = 2**16
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse_declarations

    def feed(self, data: bytes, *, is_last: bool) -> list[WikiPage]:
        """The pages that these bytes complete. DataError for no dump, IntegrityError for a damaged one."""
        self._fed += len(data)
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            if not self._path and not self._pages and self._site is None:
                raise DataError(
                    f"{self._name}: is no MediaWiki dump ({error}); put a pages-articles file there"
                ) from error
            raise IntegrityError(f"{self._name}: damaged or cut XML ({error}); fetch it again") from error
        if self._fed - max(self._parser.CurrentByteIndex, 0) > MOST_BYTES_OF_ONE_TAG and not is_last:
            raise IntegrityError(f"{self._name}: a tag of over {MOST_BYTES_OF_ONE_TAG} bytes; fetch it again")
        pages, self._pages = self._pages, []
        return pages

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._path and tag != _ROOT:
            raise DataError(
                f"{self._name}: is no MediaWiki dump but <{tag[:40]}>; put a pages-articles file there"
            )
        self._path.append(tag)
        if len(self._path) > MAX_DEPTH:
            raise IntegrityError(f"{self._name}: tags nested deeper than {MAX_DEPTH}; fetch it again")
        key = "/".join(self._path)
        if key in _PAGE or key in _SITE:
            self._field, self._field_chars = [], 0
        if key == _ROOT:
            self._language = attributes.get("xml:lang", "")
        elif key == "mediawiki/siteinfo/namespaces/namespace":
            self._key = attributes.get("key", "")
        elif key == "mediawiki/page":
            self._fields, self._is_redirect = {}, False
        elif key == "mediawiki/page/redirect":
            self._is_redirect = True

    def _characters(self, text: str) -> None:
        if self._field is None:
            return
        self._field_chars += len(text)
        if self._field_chars <= (MAX_TEXT_CHARS if self._path[-1] == "text" else MAX_FIELD_CHARS):
            self._field.append(text)
        else:
            self._field.clear()

    def _end(self, tag: str) -> None:
        key = "/".join(self._path)
        self._path.pop()
        if self._field is not None:
            self._take(key, "".join(self._field))
            self._field = None
        if key == "mediawiki/page":
            self._finish_page()

    def _take(self, key: str, value: str) -> None:
        if key == "mediawiki/siteinfo/dbname":
            self._site_name = value
        elif key in _SITE:
            if self._key.isascii() and self._key.isdigit():
                self._namespaces[int(self._key)] = value
        else:
            is_whole = self._field_chars <= MAX_TEXT_CHARS
            self._fields[key.removeprefix("mediawiki/page/")] = value if is_whole else None

    def _finish_page(self) -> None:
        if self._site is None:
            self._site = WikiSite(self._site_name or "wiki", self._language, self._namespaces)
        self._pages.append(
            WikiPage(
                site=self._site,
                title=self._value("title"),
                namespace=self._value("ns") or "0",  # dumps before 2012 have none
                page_id=self._value("id"),
                revision_id=self._value("revision/id"),
                model=self._value("revision/model") or "wikitext",
                is_redirect=self._is_redirect,
                text=self._fields.get("revision/text", ""),
            )
        )

    def _value(self, key: str) -> str:
        return self._fields.get(key) or ""

    def _refuse_declarations(self, *declared: object) -> None:
        raise DataError(f"{self._name}: declares a document type, as no MediaWiki dump does; refused")
