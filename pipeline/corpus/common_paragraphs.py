"""Paragraphs that stand in more documents than one: which document keeps each, and which lose it.

The document of the lowest id keeps a paragraph. So the choice does not depend on shards or on their order,
and one more document changes only what it has in common with others.

The keys of all paragraphs lie on the disk and are looked through by ranges (collisions.py). What is in
memory is as large as the documents that have a paragraph in common with another one.
"""

# P places of documents, N keys of a range, C cuts

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from pipeline.artifacts import read_table
from pipeline.corpus.catalogue import ROW_BITS, Catalogue
from pipeline.corpus.collisions import Collisions, find_collisions
from pipeline.corpus.paragraphs import Indexed, IndexTask, index_shard, keys_of, parted
from pipeline.corpus.shingles import Mask, Places, Words64
from pipeline.corpus.signing import mapped
from pipeline.records import DOCUMENT_SCHEMA
from pipeline.reuse import Results
from pipeline.settings.dedupe import RepeatedParagraphsParams

EXAMPLES = 3
EXAMPLE_CHARS = 160


@dataclass(frozen=True, slots=True)
class Example:
    """A paragraph that many documents have, and the one that keeps it."""

    documents: int
    kept_in: str
    text: str  # its beginning


@dataclass(frozen=True, slots=True)
class Common:
    """A paragraph in common: how many documents have it, its key, and the place of the one that keeps it."""

    documents: int
    key: int
    holder: int


@dataclass(frozen=True, slots=True)
class Cuts:
    """The document at `places[c]`, ascending, loses its paragraphs with the key `keys[c]`."""

    places: Places
    keys: Words64
    commonest: list[Common]

    def of_shard(self, shard: int) -> tuple[Places, Words64]:
        """The rows of one shard, and the keys that each of them loses."""
        start, end = np.searchsorted(self.places, [shard << ROW_BITS, (shard + 1) << ROW_BITS])
        return self.places[start:end] - (shard << ROW_BITS), self.keys[start:end]


@dataclass(frozen=True, slots=True)
class CommonParagraphs:
    """All paragraphs of at least `min_chars` that several documents of a catalogue have, kept or not."""

    catalogue: Catalogue
    collisions: Collisions
    min_chars: int

    def cuts(self, dropped: Places) -> Cuts:
        """What documents lose to others; those at the places `dropped`, which ascend, count for nothing."""
        places = np.setdiff1d(self.collisions.places(), dropped, assume_unique=True)
        order = pc.sort_indices(self.catalogue.at(places, ["id"])["id"]).to_numpy().astype(np.int64)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        losing, lost = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.uint64)]
        commonest: list[Common] = []
        for file in self.collisions.files:
            _, keys, owners = mapped(file)
            is_live = np.isin(owners.astype(np.int64), places)
            keys, ranks = keys[is_live], rank[np.searchsorted(places, owners[is_live].astype(np.int64))]
            by_key = np.lexsort((ranks, keys))
            keys, holders = keys[by_key], places[order[ranks[by_key]]]
            is_first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
            losing.append(holders[~is_first])
            lost.append(keys[~is_first])
            commonest = _commonest([*commonest, *_most_common(keys, holders, is_first)])
        where, what = np.concatenate(losing), np.concatenate(lost)
        by_place = np.lexsort((what, where))
        return Cuts(where[by_place], what[by_place], commonest)

    def examples(self, cuts: Cuts) -> list[Example]:
        """The commonest of what is cut, as their holders have them."""
        return [_example(self.catalogue, each, self.min_chars) for each in cuts.commonest]


def common_paragraphs(
    catalogue: Catalogue, params: RepeatedParagraphsParams, results: Callable[[str], Results]
) -> CommonParagraphs:
    """Looks at the documents of the sources that params name, shard by shard, on all cores."""
    indexed, paragraphs = _index(catalogue, params, results("paragraphs"))
    collisions = find_collisions(indexed, results("common"), documents=paragraphs, kinds=1)
    return CommonParagraphs(catalogue, collisions, params.min_chars)


def _index(catalogue: Catalogue, params: RepeatedParagraphsParams, results: Results) -> tuple[Catalogue, int]:
    """The catalogue with the keys of paragraphs instead of those of documents, and how many they are."""
    keys = [results.key(shard.sha256, params) for shard in catalogue.shards]
    tasks = {
        key: IndexTask(str(shard.path), str(results.file(key, "")), params.sources, params.min_chars)
        for key, shard in zip(keys, catalogue.shards, strict=True)
    }
    done = results.map_shards(index_shard, tasks, result=Indexed, label="looking at paragraphs")
    prefixes = tuple(tasks[key].prefix for key in keys)
    paragraphs = sum(found.paragraphs for found in done.values())
    return Catalogue(catalogue.shards, prefixes, results.key(keys)), paragraphs


def _most_common(keys: Words64, holders: Places, is_first: Mask) -> list[Common]:
    """The commonest of a range, whose keys ascend; the first document with a key is its holder."""
    firsts = np.flatnonzero(is_first)
    documents = np.diff(np.append(firsts, len(keys)))
    most = np.argsort(-documents, kind="stable")[:EXAMPLES]
    found = zip(documents[most], keys[firsts[most]], holders[firsts[most]], strict=True)
    return [Common(int(count), int(key), int(holder)) for count, key, holder in found if count > 1]


def _commonest(found: Sequence[Common]) -> list[Common]:
    return sorted(found, key=lambda each: (-each.documents, each.key))[:EXAMPLES]


def _example(catalogue: Catalogue, common: Common, min_chars: int) -> Example:
    """The paragraph as its holder has it."""
    shard, row = common.holder >> ROW_BITS, common.holder & ((1 << ROW_BITS) - 1)
    table = read_table(catalogue.shards[shard].path, schema=DOCUMENT_SCHEMA, columns=["id", "text"])
    (document,) = table.slice(row, 1).to_pylist()
    paragraphs = parted(document["text"]).paragraphs
    is_long, keys = keys_of(paragraphs, min_chars=min_chars)
    place = np.flatnonzero(is_long)[keys == common.key][0]
    return Example(common.documents, document["id"], " ".join(paragraphs[place].split())[:EXAMPLE_CHARS])
