"""A random sample of a corpus by bytes: the same seed gives the same documents in any shards."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import read_table
from pipeline.errors import DataError
from pipeline.records import DOCUMENT_SCHEMA
from pipeline.tokens.ordering import Counts, Keys, keys_of, largest_key_within


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """Key and size in UTF-8 bytes of every document of a corpus, in shard and row order."""

    shards: tuple[Path, ...]
    seed: int
    keys: Keys
    sizes: Counts


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """The documents of the shards whose key is at most `limit`; each call of a method reads them again."""

    shards: tuple[Path, ...]
    seed: int
    limit: int
    documents: int
    bytes: int

    def tables(self) -> Iterator[pa.Table]:
        """Id, source and text of the sampled documents of each shard, one shard in memory at a time."""
        for shard in self.shards:
            table = read_table(shard, schema=DOCUMENT_SCHEMA, columns=["id", "source", "text"])
            inside = keys_of(table["id"].to_pylist(), seed=self.seed) <= np.uint64(self.limit)
            yield table.filter(inside)

    def texts(self) -> Iterator[str]:
        """The sampled texts in shard and row order."""
        for table in self.tables():
            yield from table["text"].to_pylist()


def survey(shards: Sequence[Path], *, seed: int) -> Survey:
    """Reads every shard once. DataError when they hold no document at all."""
    keys: list[Keys] = []
    sizes: list[Counts] = []
    for shard in shards:
        table = read_table(shard, schema=DOCUMENT_SCHEMA, columns=["id", "text"])
        keys.append(keys_of(table["id"].to_pylist(), seed=seed))
        sizes.append(pc.binary_length(table["text"]).to_numpy().astype(np.int64))
    if not sum(map(len, keys)):
        where = shards[0].parent if shards else "the train split"
        raise DataError(f"{where}: holds no document; a tokenizer needs text to train on")
    return Survey(tuple(shards), seed, np.concatenate(keys), np.concatenate(sizes))


def sample(surveyed: Survey, *, budget: int) -> Sample:
    """A random sample of at most `budget` bytes of text, and at least one document.

    A smaller budget gives a subset of a larger one's documents.
    """
    limit = largest_key_within(surveyed.keys, surveyed.sizes, budget=budget)
    inside = surveyed.keys <= np.uint64(limit)
    return Sample(
        shards=surveyed.shards,
        seed=surveyed.seed,
        limit=limit,
        documents=int(inside.sum()),
        bytes=int(surveyed.sizes[inside].sum()),
    )
