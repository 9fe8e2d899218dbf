"""Figures on every document of the splits: what the corpus is validated by, and how long its texts are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import open_artifact, read_table, write_table
from pipeline.corpus.accounts import Account
from pipeline.corpus.gutenberg_licence import licence_phrases
from pipeline.corpus.shards import shard_paths, text_bytes
from pipeline.corpus.shingles import digest, normalize
from pipeline.engine import map_shards
from pipeline.records import DOCUMENT_SCHEMA, Document, from_table

MEASURE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("chars", pa.int64(), nullable=False),
        pa.field("words", pa.int64(), nullable=False),  # parted by white space
        pa.field("bytes", pa.int64(), nullable=False),  # in UTF-8
        pa.field("text_hash", pa.string(), nullable=False),  # of the normalized text, in hex
        pa.field("licence_phrases", pa.int64(), nullable=False),  # Project Gutenberg's
        pa.field("control_characters", pa.int64(), nullable=False),  # but \t and \n
        pa.field("word_markers", pa.int64(), nullable=False),  # U+2581: see repairs.py
    ]
)
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class MeasureTask:
    """One shard to measure, the split it belongs to, and where its table goes."""

    shard: str
    split: str
    table: str


@dataclass(frozen=True, slots=True)
class Measured:
    """How many documents were measured."""

    documents: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many documents there are, how large they are, and how their lengths in characters are spread."""

    documents: int
    bytes: int
    mean_chars: float
    percentiles_chars: Mapping[str, int]


def measure_splits(corpus: Path, splits: tuple[str, ...], *, work: Path) -> pa.Table:
    """A row of MEASURE_SCHEMA for every document of the artifacts `corpus/<split>`, split by split.

    Raises IntegrityError when an artifact is damaged or does not hold as many documents as it says.
    """
    tasks: dict[str, MeasureTask] = {}
    documents = 0
    for split in splits:
        artifact = open_artifact(corpus / split, kind="documents")
        documents += artifact.fact("documents")
        for shard in shard_paths(artifact.path):
            name = f"{split}-{shard.stem}"
            tasks[name] = MeasureTask(str(shard), split, str(work / f"{name}.parquet"))
    map_shards(measure_shard, tasks, result=Measured, work=work, label="measuring documents")
    tables = [read_table(Path(task.table), schema=MEASURE_SCHEMA) for task in tasks.values()]
    measures = pa.concat_tables([MEASURE_SCHEMA.empty_table(), *tables])
    Account(documents, measures.num_rows, {}).check(f"{corpus}")
    return measures


def measure_shard(task: MeasureTask) -> Measured:
    """Writes the measures of one shard of documents."""
    documents = read_table(Path(task.shard), schema=DOCUMENT_SCHEMA)
    rows = [measure(document, task.split) for document in from_table(documents)]
    write_table(Path(task.table), pa.Table.from_pylist(rows, schema=MEASURE_SCHEMA))
    return Measured(len(rows))


def measure(document: Document, split: str) -> dict[str, str | int]:
    """The row of MEASURE_SCHEMA for one document."""
    text, normalized = document.text, normalize(document.text)
    return {
        "id": document.id,
        "source": document.source,
        "split": split,
        "chars": len(text),
        "words": len(normalized.split()),
        "bytes": text_bytes(text),
        "text_hash": digest(normalized).hex(),
        "licence_phrases": licence_phrases(text),
        "control_characters": len(_CONTROLS.findall(text)),
        "word_markers": text.count("\u2581"),
    }


def lengths_by(measures: pa.Table, column: str) -> dict[str, Lengths]:
    """The lengths of the documents that share a value of the column, by that value, in alphabetical order."""
    values = sorted(measures[column].unique().to_pylist())
    return {value: lengths(measures.filter(pc.equal(measures[column], value))) for value in values}


def lengths(measures: pa.Table) -> Lengths:
    """The lengths of the documents in the table; of none, zeros."""
    chars = measures["chars"].to_numpy() if measures.num_rows else np.zeros(1, dtype=np.int64)
    percentiles = np.percentile(chars, PERCENTILES, method="inverted_cdf")
    return Lengths(
        documents=measures.num_rows,
        bytes=pc.sum(measures["bytes"]).as_py() or 0,
        mean_chars=float(chars.mean()),
        percentiles_chars={str(p): int(value) for p, value in zip(PERCENTILES, percentiles, strict=True)},
    )
