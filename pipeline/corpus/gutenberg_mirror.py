"""Books of Project Gutenberg from a mirror, asked for as slowly as it wishes and never twice.

A mirror has the collection in one or both of two layouts: `cache/epub/1342/pg1342.txt`, and
`1/3/4/1342/1342-0.txt` (UTF-8), `1342-8.txt` (another character set) or `1342.txt` (ASCII), where books with
numbers below ten are in `0/`. The catalogue is in `cache/epub/feeds/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.corpus.download import Limits, NotThereError
from pipeline.corpus.gutenberg_catalogue import NAMES
from pipeline.corpus.gutenberg_text import is_marked
from pipeline.corpus.store import fetching
from pipeline.errors import SourceError
from pipeline.progress import track

MAX_BOOK_BYTES = 64 * 2**20
LIMITS = Limits(max_bytes=MAX_BOOK_BYTES, deadline_seconds=300)
LAYOUTS = ("cache/epub/{id}/pg{id}.txt", "{folder}/{id}-0.txt", "{folder}/{id}-8.txt", "{folder}/{id}.txt")
FEEDS = "cache/epub/feeds"


def mirrored_books(mirror: str, numbers: Sequence[int], downloads: Path) -> dict[int, Path]:
    """Number -> file of each book that the mirror has, fetched unless it was before.

    A book is looked for where it was found or pinned before, then in the layout of the last book, then in the
    others. Raises SourceError when the mirror does not answer.
    """
    found: dict[int, Path] = {}
    layouts = list(LAYOUTS)
    with fetching(downloads, limits=LIMITS) as store:
        for number in track(sorted(set(numbers)), label="fetching books", unit="book"):
            urls = {_url(mirror, layout, number): layout for layout in layouts}
            for url in sorted(urls, key=lambda url: not store.is_expected(url)):
                try:
                    found[number] = store.get(url, accept=_is_book)
                except NotThereError:
                    continue
                layouts.remove(urls[url])
                layouts.insert(0, urls[url])
                break
    return found


def mirrored_catalogue(mirror: str, downloads: Path) -> Path:
    """The mirror's catalogue, packed if it has it so. SourceError when it has none."""
    with fetching(downloads, limits=LIMITS) as store:
        urls = [f"{mirror.rstrip('/')}/{FEEDS}/{name}" for name in reversed(NAMES)]
        for url in sorted(urls, key=lambda url: not store.is_expected(url)):
            try:
                return store.get(url)
            except NotThereError:
                continue
    raise SourceError(
        f"{mirror}: has no {FEEDS}/{NAMES[0]}; put that file into data/sources/gutenberg, or list the ids of "
        "the books in ingest.gutenberg.ids"
    )


def collection_folder(number: int) -> str:
    """Where the main collection keeps a book: `1/2/3/4/12345`, numbers below ten under `0/`."""
    digits = str(number)
    return "/".join([*(digits[:-1] or "0"), digits])


def _url(mirror: str, layout: str, number: int) -> str:
    return f"{mirror.rstrip('/')}/{layout.format(id=number, folder=collection_folder(number))}"


def _is_book(path: Path) -> bool:
    """Whether the file is a book; a page that says with status 200 that there is none is not."""
    return is_marked(path.read_bytes())
