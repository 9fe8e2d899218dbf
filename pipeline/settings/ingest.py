"""What the `ingest` stage reads: one subsection per source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Matches, Range

PACKAGE_NAME = Matches(r"[A-Za-z0-9_.-]+", "a package name")
HTTP_URL = Matches(r"https?://[^\s/?#@]+([/?#]\S*)?", "a http(s) URL without a user's name")
Share = Annotated[float, Range(0, 1)]  # of a source's documents that may be damaged; more stop its stage


@dataclass(frozen=True, slots=True)
class PydocsParams:
    """The documentation text of the installed Python packages."""

    enabled: bool
    standard_library: bool
    packages: Annotated[tuple[Annotated[str, PACKAGE_NAME], ...], Range(0, 500)]  # distributions
    min_chars: Annotated[int, Range(1, 100_000)]  # shorter docstrings are not taken
    max_quarantine_share: Share


@dataclass(frozen=True, slots=True)
class FilesParams:
    """A folder of text, pages and tables in many formats: `data/sources/files/`."""

    enabled: bool
    patterns: Annotated[tuple[Annotated[str, Range(1, 500)], ...], Range(1, 1000)]  # of relative names
    text_column: Annotated[str, Range(1, 200)]  # the field that holds the text in .jsonl, .csv and .parquet
    # further fields that are kept with the text
    metadata_columns: Annotated[tuple[Annotated[str, Range(1, 200)], ...], Range(0, 100)]
    licence: Annotated[str, Range(0, 200)]  # recorded for every document
    max_quarantine_share: Share


Words = tuple[Annotated[str, Range(1, 200)], ...]  # any of them is enough; none: everything is
_FOR_PEOPLE = re.compile(r"https?://(www\.)?gutenberg\.(org|net)\.?(:[0-9]+)?(/.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GutenbergCatalogueParams:
    """Which books of Project Gutenberg's catalogue are wanted; with `enabled` false it is not read."""

    enabled: bool
    # a book is taken when all its languages are among these; empty: any language
    languages: Annotated[tuple[Annotated[str, Matches(r"[a-z]{2,3}", "a language code")], ...], Range(0, 30)]
    subjects: Annotated[Words, Range(0, 1000)]  # in its subjects or bookshelves
    authors: Annotated[Words, Range(0, 1000)]  # in its authors
    limit: Annotated[int, Range(1, 100_000)]  # the ones with the lowest numbers are taken


@dataclass(frozen=True, slots=True)
class GutenbergParams:
    """Project Gutenberg books: `data/sources/gutenberg/`, or a mirror, and which books."""

    enabled: bool
    mirror: Annotated[str, HTTP_URL] | None  # base URL of a mirror; null reads the local folder
    # which books, by number; empty: what the catalogue chooses, or all of the local folder
    ids: Annotated[tuple[Annotated[int, Range(1, 10_000_000)], ...], Range(0, 100_000)]
    catalogue: GutenbergCatalogueParams
    max_missing: Annotated[int, Range(0, 100_000)]  # books that may be nowhere; more stop the stage
    max_quarantine_share: Share

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        if self.ids and self.catalogue.enabled:
            yield "ids are listed and catalogue.enabled is true; choose the books one way or the other"
        if self.mirror is not None and not self.ids and not self.catalogue.enabled:
            yield "mirror is set and ids is empty; list the ids of the books, or enable its catalogue"
        if self.mirror is not None and _FOR_PEOPLE.fullmatch(self.mirror):
            yield (
                f"mirror is {self.mirror!r}, a site for people that blocks programs; name one of its mirrors "
                "(https://www.gutenberg.org/MIRRORS.ALL)"
            )


@dataclass(frozen=True, slots=True)
class OpenWebTextParams:
    """OpenWebText: `data/sources/openwebtext/`, or a URL of the archive, a subset or a Parquet file."""

    enabled: bool
    url: Annotated[str, HTTP_URL] | None  # null reads the local folder
    max_documents: Annotated[int, Range(1, 100_000_000)]
    max_quarantine_share: Share


@dataclass(frozen=True, slots=True)
class WikipediaParams:
    """A pages-articles dump of Wikipedia or another MediaWiki: `data/sources/wikipedia/`, or a URL."""

    enabled: bool
    url: Annotated[str, HTTP_URL] | None  # null reads the local folder
    max_documents: Annotated[int, Range(1, 100_000_000)]  # articles read, in the dump's order
    licence: Annotated[str, Range(0, 200)]  # recorded for every document
    max_quarantine_share: Share


@dataclass(frozen=True, slots=True)
class CommonCrawlParams:
    """WARC and WET files of Common Crawl or another crawler: `data/sources/commoncrawl/`, or a URL."""

    enabled: bool
    url: Annotated[str, HTTP_URL] | None  # null reads the local folder
    licence: Annotated[str, Range(0, 200)]  # recorded for every document
    max_quarantine_share: Share


@dataclass(frozen=True, slots=True)
class IngestParams:
    """One subsection per source; each is one `ingest@source` stage."""

    pydocs: PydocsParams
    files: FilesParams
    gutenberg: GutenbergParams
    openwebtext: OpenWebTextParams
    wikipedia: WikipediaParams
    commoncrawl: CommonCrawlParams


SourceParams = (
    PydocsParams | FilesParams | GutenbergParams | OpenWebTextParams | WikipediaParams | CommonCrawlParams
)
