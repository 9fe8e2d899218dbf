"""Sorted shards of documents: how a stream becomes Parquet files of bounded size, and a stream again.

A folder of shards holds its documents sorted by id, over all its files. Whoever reads or merges such folders
keeps one shard of each in memory, never a whole corpus.
"""

from __future__ import annotations

import heapq
import itertools
import operator
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.artifacts import read_table, write_table
from pipeline.errors import DataError
from pipeline.records import DOCUMENT_SCHEMA, Document, from_table, shard_name, to_table

SHARD_DOCUMENTS = 4096
SHARD_BYTES = 32 * 2**20

by_id = operator.attrgetter("id")


def write_shards(
    documents: Iterable[Document],
    folder: Path,
    *,
    max_documents: int = SHARD_DOCUMENTS,
    max_bytes: int = SHARD_BYTES,
) -> int:
    """Writes the documents, which come sorted by id, as shards and returns how many.

    They are named `shard-00000.parquet`, ... A shard ends at `max_documents` documents or at the first one
    with which its texts pass `max_bytes` of UTF-8.
    """
    count = -1
    for count, batch in enumerate(_batches(documents, max_documents=max_documents, max_bytes=max_bytes)):
        write_table(folder / shard_name(count), to_table(batch))
    return count + 1


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a folder, in order; none when it is empty."""
    return sorted(folder.glob("shard-*.parquet"))


def read_shard(path: Path) -> list[Document]:
    """The documents of one shard. IntegrityError when it is damaged, DataError when it holds other
    columns.
    """
    return list(from_table(read_table(path, schema=DOCUMENT_SCHEMA)))


def read_shards(folder: Path) -> Iterator[Document]:
    """The documents of all shards of a folder in order, with one shard at a time in memory."""
    return itertools.chain.from_iterable(map(read_shard, shard_paths(folder)))


def merge_shards(folders: Sequence[Path]) -> Iterator[Document]:
    """The documents of several folders as one stream sorted by id, with one shard of each in memory.

    DataError when two documents have the same id, which means the same origin.
    """
    last: Document | None = None
    for document in heapq.merge(*map(read_shards, folders), key=by_id):
        if last is not None and last.id == document.id:
            raise DataError(
                f"{document.source}: {last.origin!r} and {document.origin!r} have one id; keep one of them"
            )
        yield document
        last = document


def adopt_shards(shards: Sequence[Path], folder: Path) -> None:
    """Puts finished shards into `folder` under consecutive names, as links where the disk allows.

    They stay where they are as well, so that a call cut short can be made again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, shard in enumerate(shards):
        try:
            os.link(shard, folder / shard_name(number))
        except OSError:  # another file system, or one without links
            shutil.copyfile(shard, folder / shard_name(number))


def text_bytes(text: str) -> int:
    """The length of the text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def _batches(
    documents: Iterable[Document], *, max_documents: int, max_bytes: int
) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += text_bytes(document.text)
        if len(batch) >= max_documents or size >= max_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
