"""Document: one row of text, and its Arrow schema.

Every corpus artifact is a folder of Parquet shards `shard-00000.parquet`, ... whose rows are documents
sorted by id.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

SPLITS = ("train", "val", "test")  # the parts of a corpus: to learn from, to choose by, to judge by
HELD_OUT = SPLITS[1:]
IDENTIFIED_LANGUAGE = "identified_language"  # in a document's metadata: the code that `clean` found
DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # unique, stable: see document_id
        pa.field("source", pa.string(), nullable=False),  # pydocs, files, gutenberg, ...
        pa.field(
            "origin", pa.string(), nullable=False
        ),  # where in the source: module:symbol, file name, book id
        pa.field("title", pa.string(), nullable=False),  # "" when the source names none
        pa.field("licence", pa.string(), nullable=False),  # "" when the source names none
        pa.field(
            "metadata", pa.string(), nullable=False
        ),  # what else the source knows, as JSON with sorted keys
        pa.field("text", pa.string(), nullable=False),
    ]
)


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """One row of text with its provenance; the fields are those of DOCUMENT_SCHEMA."""

    id: str
    source: str
    origin: str
    title: str
    licence: str
    metadata: str
    text: str


def document_id(source: str, origin: str) -> str:
    """A stable id from where the document comes from, not from what it says: `pydocs-1f0c...` (16 hex
    digits).
    """
    digest = hashlib.sha256(f"{source}\0{origin}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{source}-{digest[:16]}"


def metadata_json(facts: Mapping[str, object]) -> str:
    """Facts as they stand in a document's metadata: JSON with sorted keys, the same for the same facts."""
    return json.dumps(dict(facts), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def with_fact(metadata: str, name: str, value: str) -> str:
    """A document's metadata with one more fact.

    >>> with_fact('{"author":"Melville"}', "year", "1851")
    '{"author":"Melville","year":"1851"}'
    """
    return metadata_json({**json.loads(metadata or "{}"), name: value})


def to_table(documents: Iterable[Document]) -> pa.Table:
    """Documents as an Arrow table of DOCUMENT_SCHEMA."""
    rows = list(documents)
    columns = {name: [getattr(row, name) for row in rows] for name in DOCUMENT_SCHEMA.names}
    return pa.table(columns, schema=DOCUMENT_SCHEMA)


def from_table(table: pa.Table) -> Iterator[Document]:
    """The table's rows as documents, in order."""
    for batch in table.to_batches(max_chunksize=1024):
        columns: Sequence[list[str]] = [batch.column(name).to_pylist() for name in DOCUMENT_SCHEMA.names]
        for values in zip(*columns, strict=True):
            yield Document(*values)


def shard_name(number: int) -> str:
    """`shard-00007.parquet` for 7."""
    return f"shard-{number:05d}.parquet"
