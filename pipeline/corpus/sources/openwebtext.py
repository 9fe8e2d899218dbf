"""OpenWebText in any of the forms it is handed out in, from `data/sources/openwebtext` or a URL.

    openwebtext.tar.xz         the whole corpus: subset archives inside one archive
    urlsf_subset*.xz, *.tar    single subsets, or some of them in one .tar
    *.parquet                  the form with one `text` column

Archives are read in the order of their names, as streams, up to `max_documents`; what follows is not looked
at. Dropped documents:

    unknown_format    a file with another ending
    undecodable       bytes that are no text (see pipeline/corpus/decoding.py)
    too_large, irregular_member, not_text   see pipeline/corpus/archives.py
    no_text           a row without text
    repeated_subset   a text of a subset that an earlier file held as well
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus.archives import ArchivedText, archived_texts
from pipeline.corpus.decoding import decode
from pipeline.corpus.fetching import fetched_file
from pipeline.corpus.folders import files_below, relative_name
from pipeline.corpus.ingestion import Rejected, document
from pipeline.corpus.tables import text_rows
from pipeline.errors import DataError
from pipeline.records import Document
from pipeline.settings.ingest import OpenWebTextParams

SOURCE = "openwebtext"
TEXT_COLUMN = "text"
SUFFIXES = (".xz", ".tar", ".parquet")


@dataclass(frozen=True, slots=True)
class Part:
    """Archives to be read one after the other until `max_documents` were taken, and files that are none."""

    folder: Path
    paths: tuple[Path, ...]
    max_documents: int
    passed_over: tuple[Rejected, ...] = ()


def parts(folder: Path, params: OpenWebTextParams, *, downloads: Path) -> Mapping[str, Part]:
    """All archives as one part, since where `max_documents` is reached is known only in their order.

    Raises DataError when there are none, SourceError when the URL cannot be fetched.
    """
    if params.url is not None:
        path = fetched_file(params.url, downloads, suffixes=SUFFIXES, key="ingest.openwebtext.url")
        return {"archives": Part(path.parent, (path,), params.max_documents)}
    files = files_below(folder)
    paths = [path for path in files if path.suffix in SUFFIXES]
    others = [path for path in files if path.suffix not in SUFFIXES]
    if not paths:
        raise DataError(
            f"{folder}: no {', '.join(SUFFIXES)} file; put one there, set ingest.openwebtext.url, "
            "or set its enabled to false"
        )
    passed_over = tuple(Rejected(relative_name(path, folder), "unknown_format") for path in others)
    return {"archives": Part(folder, tuple(paths), params.max_documents, passed_over)}


def read(part: Part) -> Iterator[Document | Rejected]:
    """The documents of all archives, in order, until `max_documents` were taken."""
    yield from part.passed_over
    taken = 0
    first_seen: dict[str, Path] = {}
    for path in part.paths:
        is_table = path.suffix == ".parquet"
        for item in _table_rows(path, part) if is_table else _archive_files(path, first_seen):
            yield item
            taken += isinstance(item, Document)
            if taken >= part.max_documents:
                return


def _table_rows(path: Path, part: Part) -> Iterator[Document | Rejected]:
    name = relative_name(path, part.folder)
    for number, text in enumerate(text_rows(path, column=TEXT_COLUMN), start=1):
        origin = f"{name}:{number}"
        yield Rejected(origin, "no_text") if text is None else document(SOURCE, origin, text)


def _archive_files(path: Path, first_seen: dict[str, Path]) -> Iterator[Document | Rejected]:
    """The texts of one file; `first_seen` says of each subset archive in which file it was found first."""
    with open(path, "rb") as file:
        for text in archived_texts(file, name=str(path)):
            subset = text.name.rpartition("/")[0]
            if first_seen.setdefault(subset, path) != path:
                yield Rejected(text.name, "repeated_subset")
            else:
                yield _as_document(text)


def _as_document(text: ArchivedText) -> Document | Rejected:
    decoded = None if text.reason else decode(text.data)
    if decoded is None:
        return Rejected(text.name, text.reason or "undecodable")
    return document(SOURCE, text.name, decoded.text, metadata={"encoding": decoded.encoding})
