"""Figures on every document of the splits: what the corpus is validated by.

They are written beside one another, a table for each shard, and read again in batches: memory does not grow
with the corpus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.artifacts import open_artifact, read_table, write_table
from pipeline.corpus.accounts import Account
from pipeline.corpus.gutenberg_licence import licence_phrases
from pipeline.corpus.leakage import TWIN_SCHEMA, Likeness, Probes, read_probes, twins_in_shard
from pipeline.corpus.shards import shard_paths, text_bytes
from pipeline.corpus.shingles import digest, normalize
from pipeline.engine import map_shards
from pipeline.errors import DataError
from pipeline.records import DOCUMENT_SCHEMA, IDENTIFIED_LANGUAGE, Document, from_table

MEASURE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),  # "" where neither clean nor the source names one
        pa.field("chars", pa.int64(), nullable=False),
        pa.field("words", pa.int64(), nullable=False),  # parted by white space
        pa.field("bytes", pa.int64(), nullable=False),  # in UTF-8
        pa.field("text_hash", pa.string(), nullable=False),  # of the normalized text, in hex
        pa.field("licence_phrases", pa.int64(), nullable=False),  # Project Gutenberg's
        pa.field("control_characters", pa.int64(), nullable=False),  # but \t and \n
        pa.field("word_markers", pa.int64(), nullable=False),  # U+2581: see repairs.py
    ]
)
BATCH_ROWS = 65_536
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class MeasureTask:
    """One shard to measure, the split it belongs to, where its tables go, and what it is compared with."""

    shard: str
    split: str
    measures: str
    twins: str
    probes: str
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Measured:
    """How many documents were measured; `problem` says why none was, if the shard is no such table."""

    documents: int
    problem: str


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of a corpus, shard by shard in the order of the splits.

    `shards` has the columns shard (`train/shard-00000.parquet`), split, documents, and problem: what is
    wrong with the table, or "".
    """

    shards: pa.Table
    tables: tuple[Path, ...]
    twin_tables: tuple[Path, ...]

    def column(self, name: str) -> Iterator[pa.ChunkedArray]:
        """A column of MEASURE_SCHEMA, one shard at a time."""
        for path in self.tables:
            yield read_table(path, schema=MEASURE_SCHEMA, columns=[name])[name]

    def batches(self) -> Iterator[pa.Table]:
        """The rows of MEASURE_SCHEMA, about BATCH_ROWS at a time."""
        waiting: list[pa.Table] = []
        for path in self.tables:
            waiting.append(read_table(path, schema=MEASURE_SCHEMA))
            if sum(table.num_rows for table in waiting) >= BATCH_ROWS:
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            yield pa.concat_tables(waiting)

    def twins(self) -> pa.Table:
        """The near duplicates of the probes, rows of TWIN_SCHEMA."""
        tables = [read_table(path, schema=TWIN_SCHEMA) for path in self.twin_tables]
        return pa.concat_tables([TWIN_SCHEMA.empty_table(), *tables])


def measure_splits(
    corpus: Path, splits: Sequence[str], *, probes: Path, likeness: Likeness, work: Path
) -> Measures:
    """Measures every document of the artifacts `corpus/<split>`, and compares it with the probes.

    Raises IntegrityError when an artifact is damaged or does not hold as many documents as it says.
    """
    tasks: dict[str, MeasureTask] = {}
    documents = 0
    for split in splits:
        artifact = open_artifact(corpus / split, kind="documents")
        documents += artifact.fact("documents")
        for shard in shard_paths(artifact.path):
            name = f"{split}-{shard.stem}"
            tables = str(work / f"{name}.measures.parquet"), str(work / f"{name}.twins.parquet")
            tasks[name] = MeasureTask(str(shard), split, *tables, str(probes), likeness)
    done = map_shards(measure_shard, tasks, result=Measured, work=work, label="measuring documents")
    shards = [
        {
            "shard": f"{task.split}/{Path(task.shard).name}",
            "split": task.split,
            "documents": done[name].documents,
            "problem": done[name].problem,
        }
        for name, task in tasks.items()
    ]
    if not any(shard["problem"] for shard in shards):
        Account(documents, sum(found.documents for found in done.values()), {}).check(f"{corpus}")
    schema = pa.schema(
        [("shard", pa.string()), ("split", pa.string()), ("documents", pa.int64()), ("problem", pa.string())]
    )
    sound = [task for name, task in tasks.items() if not done[name].problem]
    return Measures(
        pa.Table.from_pylist(shards, schema=schema),
        tuple(Path(task.measures) for task in sound),
        tuple(Path(task.twins) for task in sound),
    )


def measure_shard(task: MeasureTask) -> Measured:
    """Writes the measures of one shard of documents, and which of them are near duplicates of probes."""
    try:
        documents = read_table(Path(task.shard), schema=DOCUMENT_SCHEMA)
    except DataError as error:
        return Measured(0, str(error))
    normalized = [normalize(text) for text in documents["text"].to_pylist()]
    pairs = zip(from_table(documents), normalized, strict=True)
    rows = [measure(document, form, task.split) for document, form in pairs]
    write_table(Path(task.measures), pa.Table.from_pylist(rows, schema=MEASURE_SCHEMA))
    write_table(Path(task.twins), _twins(documents, normalized, task, read_probes(Path(task.probes))))
    return Measured(len(rows), "")


def measure(document: Document, normalized: bytes, split: str) -> dict[str, str | int]:
    """The row of MEASURE_SCHEMA for one document, whose normalized text is at hand."""
    text = document.text
    return {
        "id": document.id,
        "source": document.source,
        "split": split,
        "language": language_code(document.metadata),
        "chars": len(text),
        "words": len(normalized.split()),
        "bytes": text_bytes(text),
        "text_hash": digest(normalized).hex(),
        "licence_phrases": licence_phrases(text),
        "control_characters": len(_CONTROLS.findall(text)),
        "word_markers": text.count("\u2581"),
    }


def language_code(metadata: str) -> str:
    """The code of two or three letters that `clean` identified, else the one that the source names, else "".

    A document's metadata hold them as IDENTIFIED_LANGUAGE and `language`.

    >>> language_code('{"language": "en"}'), language_code('{"language": "English"}')
    ('en', '')
    >>> language_code('{"identified_language": "de", "language": "en"}')
    'de'
    """
    try:
        known = json.loads(metadata)
    except ValueError:
        return ""
    if not isinstance(known, dict):
        return ""
    said = known.get(IDENTIFIED_LANGUAGE) or known.get("language")
    return said if isinstance(said, str) and _LANGUAGE.fullmatch(said) else ""


def with_sharing(batch: pa.Table, *, same_id: dict[str, int], same_text: dict[str, int]) -> pa.Table:
    """The batch with the columns `same_id` and `same_text`: how many documents have this id, this text.

    The mappings hold those ids and text hashes that more than one document has.
    """
    for name, column, times in (("same_id", "id", same_id), ("same_text", "text_hash", same_text)):
        counts = [times.get(value, 1) for value in batch[column].to_pylist()] if times else None
        ones = pa.array(counts or [1] * batch.num_rows, pa.int64())
        batch = batch.append_column(name, ones)
    return batch


def _twins(documents: pa.Table, normalized: list[bytes], task: MeasureTask, probes: Probes) -> pa.Table:
    if not probes.ids:
        return TWIN_SCHEMA.empty_table()
    ids = documents["id"].to_pylist()
    return twins_in_shard(ids, normalized, task.split, probes, task.likeness)
