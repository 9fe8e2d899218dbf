"""Documents without the paragraphs that another document keeps.

A document that loses paragraphs is written anew, into a shard of such documents, and has its place there from
then on. It is dropped when fewer characters are left of it than a paragraph must have to be looked at. So
no document is dropped that keeps a paragraph for others, and nothing that was cut is lost with it.
"""

# R rows of a shard that lose paragraphs, C cuts, T trimmed documents

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.artifacts import hash_file, read_table, write_table
from pipeline.corpus.catalogue import ROW_BITS, Catalogue, StoredShard
from pipeline.corpus.common_paragraphs import Cuts
from pipeline.corpus.paragraphs import characters, keys_of, parted
from pipeline.corpus.shards import text_bytes
from pipeline.corpus.shingles import Mask, Places, Words64, distinct, normalize
from pipeline.corpus.signing import mapped, save
from pipeline.records import DOCUMENT_SCHEMA
from pipeline.reuse import Results

_DOCUMENTS, _LEFT = ".parquet", ".left.npy"


@dataclass(frozen=True, slots=True)
class TrimTask:
    """One shard: the document in row `rows[c]`, ascending, loses the paragraphs with the key `keys[c]`."""

    shard: str
    rows: Places
    keys: Words64
    min_chars: int
    prefix: str  # of the files


@dataclass(frozen=True, slots=True)
class ShardTrimmed:
    """How many documents of a shard lost paragraphs and are kept."""

    documents: int


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The documents that lost paragraphs, each (T,): where they were, ascending, and what became of them."""

    shards: tuple[StoredShard, ...]  # of those that are kept
    places: Places
    is_kept: Mask
    moved_to: Places  # in `shards`, numbered on from those of the catalogue; -1 for dropped ones
    bytes_left: Places
    paragraphs: Places  # that were cut


def trim(catalogue: Catalogue, cuts: Cuts, results: Results, *, min_chars: int) -> Trimmed:
    """Writes the documents that lose paragraphs, in parallel over the shards they are in."""
    tasks: dict[str, TrimTask] = {}
    places, left = [np.empty(0, dtype=np.int64)], [np.empty((3, 0), dtype=np.int64)]
    moved = [np.empty(0, dtype=np.int64)]
    number_of: dict[str, int] = {}
    for number in distinct(cuts.places >> ROW_BITS).tolist():
        shard = catalogue.shards[number]
        rows, keys = cuts.of_shard(number)
        known = hashlib.sha256(rows.tobytes() + keys.tobytes()).hexdigest()
        key = results.key(shard.sha256, known, min_chars)
        number_of[key] = number
        tasks[key] = TrimTask(str(shard.path), rows, keys, min_chars, str(results.file(key, "")))
    done = results.map_shards(trim_shard, tasks, result=ShardTrimmed, label="cutting paragraphs")
    shards: list[StoredShard] = []
    for key, task in tasks.items():
        places.append(distinct(task.rows) + (number_of[key] << ROW_BITS))
        left.append(mapped(Path(task.prefix + _LEFT)))
        is_kept = left[-1][0] == 1
        own = (len(catalogue.shards) + len(shards)) << ROW_BITS
        moved.append(np.where(is_kept, own + np.cumsum(is_kept) - 1, -1))
        if done[key].documents:
            path = Path(task.prefix + _DOCUMENTS)
            shards.append(StoredShard(path, hash_file(path)))
    kept, sizes, paragraphs = np.concatenate(left, axis=1)
    where = np.concatenate(places)
    return Trimmed(tuple(shards), where, kept == 1, np.concatenate(moved), sizes, paragraphs)


def trim_shard(task: TrimTask) -> ShardTrimmed:
    """Writes the documents of one shard that lost paragraphs and are kept, and of all that lost some whether
    they are kept, the bytes left, and the paragraphs cut, shape (3, R).
    """
    rows, starts = np.unique(task.rows, return_index=True)
    table = read_table(Path(task.shard), schema=DOCUMENT_SCHEMA).take(pa.array(rows))
    texts: list[str] = []
    left = np.zeros((3, len(rows)), dtype=np.int64)
    for place, (text, keys) in enumerate(
        zip(table["text"].to_pylist(), np.split(task.keys, starts[1:]), strict=True)
    ):
        rest, paragraphs = _without(text, keys, task.min_chars)
        is_kept = characters(normalize(rest)) >= task.min_chars
        left[:, place] = is_kept, text_bytes(rest), paragraphs
        texts.append(rest)
    column = table.column_names.index("text")
    trimmed = table.set_column(column, DOCUMENT_SCHEMA.field("text"), pa.array(texts, pa.string()))
    write_table(Path(task.prefix + _DOCUMENTS), trimmed.filter(pa.array(left[0] == 1)))
    save(Path(task.prefix + _LEFT), left)
    return ShardTrimmed(int(left[0].sum()))


def _without(text: str, keys: Words64, min_chars: int) -> tuple[str, int]:
    """The text without its paragraphs of these keys, and how many they were."""
    parts = parted(text)
    is_long, found = keys_of(parts.paragraphs, min_chars=min_chars)
    is_cut = is_long.copy()
    is_cut[is_long] = np.isin(found, keys)
    return parts.without(is_cut.tolist()), int(is_cut.sum())
