"""Wikipedia, or another wiki of MediaWiki, from its dump: `data/sources/wikipedia` or a URL.

    enwiki-20260101-pages-articles.xml.bz2             the whole wiki in one file, multistream or not
    enwiki-20260101-pages-articles1.xml-p1p41242.bz2   or in pieces, read in the order of their names
    *.xml, *.xml.gz, *.xml.xz, *.xml.zst               packed in another way, or not

Articles become plain text (see pipeline/corpus/wikitext.py), up to `max_documents` of them in the order of
the dump; what follows is not looked at. Dropped pages:

    redirect         a page that only leads to another
    other_namespace  a discussion, user, template or category page
    other_model      a page that is no wikitext: styles, data
    too_large        an article of more than wikidump.MAX_TEXT_CHARS
    too_complex      an article that takes seconds to parse (see pipeline/corpus/guarding.py)
    no_prose         an article without text: a list of templates
    unknown_format   a file with another ending
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus.fetching import fetched_file
from pipeline.corpus.folders import files_below, relative_name
from pipeline.corpus.guarding import Guarded
from pipeline.corpus.ingestion import Rejected, document
from pipeline.corpus.unpacking import FORMS, open_unpacked
from pipeline.corpus.wikidump import CATEGORY_NAMESPACE, FILE_NAMESPACE, WikiPage, wiki_pages
from pipeline.corpus.wikitext import Wikitext, plain_text
from pipeline.errors import DataError
from pipeline.records import Document
from pipeline.settings.ingest import WikipediaParams

SOURCE = "wikipedia"
LANES = 4  # each reads the whole dump and parses every fourth page: reading is a seventh of the work
_CANONICAL = ("File", "Image", "Category")  # understood by wikis of every language


@dataclass(frozen=True, slots=True)
class Part:
    """The pages of some dumps whose number, divided by LANES, leaves `lane`; and files that are no dumps."""

    paths: tuple[Path, ...]
    max_documents: int
    licence: str
    lane: int
    passed_over: tuple[Rejected, ...] = ()


def parts(folder: Path, params: WikipediaParams, *, downloads: Path) -> Mapping[str, Part]:
    """All dumps as LANES parts. DataError when there are none, SourceError when the URL cannot be fetched."""
    others: list[Path] = []
    if params.url is not None:
        suffixes = (".xml", *FORMS)
        paths = [fetched_file(params.url, downloads, suffixes=suffixes, key=f"ingest.{SOURCE}.url")]
    else:
        files = files_below(folder)
        paths = [path for path in files if _is_dump(path)]
        others = [path for path in files if not _is_dump(path)]
    if not paths:
        raise DataError(
            f"{folder}: no .xml or .xml.bz2 dump; put a pages-articles file there, set ingest.wikipedia.url, "
            "or set its enabled to false"
        )
    passed_over = tuple(Rejected(relative_name(path, folder), "unknown_format") for path in others)
    return {
        f"lane-{lane}": Part(
            tuple(paths), params.max_documents, params.licence, lane, () if lane else passed_over
        )
        for lane in range(LANES)
    }


def read(part: Part) -> Iterator[Document | Rejected]:
    """The articles of the part's lane, until the dumps gave `max_documents` to all lanes together."""
    yield from part.passed_over
    with Guarded(plain_text) as guarded_text:
        for number, page, reason in _until_enough(part):
            if number % LANES != part.lane:
                continue
            yield Rejected(_origin(page), reason) if reason else _as_document(page, part, guarded_text)


def _until_enough(part: Part) -> Iterator[tuple[int, WikiPage, str]]:
    """Number, page and why it is not taken, of all pages until `max_documents` of them could be."""
    number = articles = 0
    for path in part.paths:
        with open_unpacked(path) as file:
            for page in wiki_pages(file, name=str(path)):
                reason = _reason(page)
                yield number, page, reason
                number += 1
                articles += not reason
                if articles >= part.max_documents:
                    return


def _reason(page: WikiPage) -> str:
    """Why a page is not taken; nothing for an article."""
    if page.namespace != "0":
        return "other_namespace"
    if page.is_redirect or (page.text or "")[:9].upper() == "#REDIRECT":
        return "redirect"
    if page.model != "wikitext":
        return "other_model"
    return "too_large" if page.text is None else ""


def _as_document(page: WikiPage, part: Part, guarded_text: Guarded[str]) -> Document | Rejected:
    names = page.site.namespaces
    local = [names[number] for number in (FILE_NAMESPACE, CATEGORY_NAMESPACE) if names.get(number)]
    text = guarded_text(Wikitext(page.text or "", (*_CANONICAL, *local)))
    if not text:
        return Rejected(_origin(page), "too_complex" if text is None else "no_prose")
    metadata = {
        "page_id": page.page_id,
        "revision_id": page.revision_id,
        "language": page.site.language,
    }
    return document(SOURCE, _origin(page), text, title=page.title, licence=part.licence, metadata=metadata)


def _origin(page: WikiPage) -> str:
    return f"{page.site.name}:{page.page_id}"


def _is_dump(path: Path) -> bool:
    """Whether the name says XML: `.xml`, `.xml.bz2`, and `.xml-p1p41242.bz2` of a dump in pieces."""
    name = (
        path.name.lower().removesuffix(path.suffix.lower())
        if path.suffix.lower() in FORMS
        else path.name.lower()
    )
    return name.endswith(".xml") or ".xml-p" in name
