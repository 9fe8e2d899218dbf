"""Sorted shards of documents: how a stream becomes Parquet files of bounded size, and a stream again.

A folder of shards holds its documents sorted by id, over all its files. Whoever reads or merges such folders
keeps one shard of each in memory, never a whole corpus.

Where a shard ends is decided by the documents in it, not by counting from the first: one more document
changes the shard it falls into and leaves the others byte for byte as they were.
"""

from __future__ import annotations

import heapq
import itertools
import operator
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.artifacts import read_table, write_table
from pipeline.errors import DataError
from pipeline.records import DOCUMENT_SCHEMA, Document, from_table, shard_name, to_table

SHARD_DOCUMENTS = 8192
SHARD_BYTES = 32 * 2**20

by_id = operator.attrgetter("id")


class ShardEnds:
    """Tells where shards end, document by document in the order of their ids.

    Each document ends its shard by a draw that its id alone decides, the likelier the longer its text: after
    half of `max_documents` or half of `max_bytes` (of UTF-8) on average. At those two bounds a shard ends
    whatever the draw; the shards after it are as they would be again from the next drawn end on.
    """

    def __init__(self, *, max_documents: int = SHARD_DOCUMENTS, max_bytes: int = SHARD_BYTES) -> None:
        self._max_documents, self._max_bytes = max_documents, max_bytes
        self._documents = self._bytes = 0

    def is_last(self, document_id: str, text_bytes: int) -> bool:
        """Whether the shard ends with this document, the next of all."""
        self._documents += 1
        self._bytes += text_bytes
        chance = 2 / self._max_documents + 2 * text_bytes / self._max_bytes
        is_full = self._documents >= self._max_documents or self._bytes >= self._max_bytes
        is_last = is_full or zlib.crc32(document_id.encode()) < chance * 2**32
        if is_last:
            self._documents = self._bytes = 0
        return is_last


def write_shards(
    documents: Iterable[Document],
    folder: Path,
    *,
    max_documents: int = SHARD_DOCUMENTS,
    max_bytes: int = SHARD_BYTES,
) -> int:
    """Writes the documents, which come sorted by id, as shards and returns how many.

    They are named `shard-00000.parquet`, ...; ShardEnds says where each ends.
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

    They stay where they are as well, for a call cut short and for the next run.
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
    ends = ShardEnds(max_documents=max_documents, max_bytes=max_bytes)
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if ends.is_last(document.id, text_bytes(document.text)):
            yield batch
            batch = []
    if batch:
        yield batch
