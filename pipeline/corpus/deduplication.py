"""Which documents are duplicates, of which kept one, and why each was dropped.

Two documents are exact duplicates when their normalized texts are the same, near duplicates when the
Jaccard similarity of their word shingles reaches the threshold. Preferred is the document with the longest
normalized text, of equally long ones that with the smallest id: what is kept does not depend on the order
of the input. A document is dropped as an exact duplicate when a more preferred one has its very text, else
as a near duplicate.

Most documents share no key with another one. They are kept, each a cluster of its own, and nothing here grows
with their number.
"""

# C documents that share a key, in order of preference

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.catalogue import PLACE, Catalogue
from pipeline.corpus.clusters import cluster
from pipeline.corpus.collisions import Collisions, find_collisions
from pipeline.corpus.minhash import Banding
from pipeline.corpus.shingles import Places, Words64
from pipeline.corpus.signing import Signing
from pipeline.reuse import Results

KEPT, EXACT_DUPLICATE, NEAR_DUPLICATE = "", "exact_duplicate", "near_duplicate"
CONTAMINATED, REPEATED = "contaminated", "repeated_paragraphs"
_PREFERENCE = [("normalized_bytes", "descending"), ("id", "ascending"), ("digest", "ascending")]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The verdict on each document that shares a key, and how many pairs were compared for it.

    `documents` is sorted by PLACE; its other columns are `cluster`, the smallest id of the document's
    cluster, `reason`, why it was dropped or KEPT, and `duplicate_of`, the id of the kept document it
    duplicates. `clusters` counts those of two documents or more; without one, `largest_cluster` is 1.
    """

    documents: pa.Table
    clusters: int
    largest_cluster: int
    pairs_checked: int


@dataclass(frozen=True, slots=True)
class Search:
    """How near duplicates are found, and the similarity from which documents are such."""

    signing: Signing
    threshold: float


def search_duplicates(
    catalogue: Catalogue, search: Search, results: Results, *, documents: int, without: Places
) -> Duplicates:
    """The duplicates among the documents of the catalogue, so many, but for those at the places `without`."""
    banding = search.signing.banding
    collisions = find_collisions(catalogue, results, documents=documents, kinds=banding.bands + 1)
    return find_duplicates(catalogue, collisions, banding, without=without, threshold=search.threshold)


def find_duplicates(
    catalogue: Catalogue, collisions: Collisions, banding: Banding, *, without: Places, threshold: float
) -> Duplicates:
    """Clusters of exact and near duplicates among all documents but those at the places `without`."""
    places = np.setdiff1d(collisions.places(), without, assume_unique=True)
    table = catalogue.at(places, ["id", "normalized_bytes", "digest"])
    order = pc.sort_indices(table, sort_keys=_PREFERENCE).to_numpy().astype(np.int64)
    first_with_text = _first_with_value(table["digest"].combine_chunks().take(pa.array(order)))
    ids = table["id"].combine_chunks().take(pa.array(order))
    bands = _numbered(collisions.by_kind(banding.bands + 1), places, order)
    next(bands)  # of the digests: these are compared as a whole
    found = cluster(first_with_text, bands, catalogue.sketches(places[order]), threshold=threshold)
    number = np.arange(len(order))
    reasons = np.full(len(order), 2, dtype=np.int8)
    reasons[first_with_text != number] = 1
    reasons[found.keepers == number] = 0
    names = pa.array([KEPT, EXACT_DUPLICATE, NEAR_DUPLICATE])
    documents = pa.table(
        {
            PLACE: places[order],
            "cluster": ids.take(pa.array(_smallest_id(ids, found.roots))),
            "reason": names.take(pa.array(reasons)),
            "duplicate_of": ids.take(pa.array(found.keepers)),
        }
    )
    sizes = np.bincount(found.roots, minlength=1)
    return Duplicates(
        documents.sort_by(PLACE), int((sizes > 1).sum()), max(1, int(sizes.max())), found.pairs_checked
    )


def _numbered(
    kinds: Iterator[tuple[Places, Words64]], places: Places, order: Places
) -> Iterator[tuple[Places, Words64]]:
    """Numbers by preference, ascending, and keys, each (C,), of those of a kind that are among `places`."""
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    for of_kind, keys in kinds:
        known = np.isin(of_kind, places)
        numbers, keys = rank[np.searchsorted(places, of_kind[known])], keys[known]
        ascending = np.argsort(numbers)
        yield numbers[ascending], keys[ascending]


def _first_with_value(values: pa.Array) -> Places:
    """For each number the first one that holds the same value, shape (C,)."""
    codes = values.dictionary_encode().indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    return np.asarray(first[codes], dtype=np.int64)


def _smallest_id(ids: pa.Array, roots: Places) -> Places:
    """For each document the number of the smallest id of its cluster."""
    order = pc.sort_indices(ids).to_numpy().astype(np.int64)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    smallest = np.full(len(order), len(order))
    np.minimum.at(smallest, roots, rank)
    return np.asarray(order[smallest[roots]])
