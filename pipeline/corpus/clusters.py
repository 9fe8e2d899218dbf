"""Clusters of near duplicates, and which of their documents are kept.

Documents are numbered by preference, the one to keep first. So nothing here depends on the order in which
they were read.

*Clusters* are what candidate pairs, each checked, join by union-find. Within a bucket (documents with an
equal band) every pair is checked while the bucket is small. In a larger one the most preferred document is
compared with all others, those that did not join it go on to another round, and so on for a bounded number of
rounds: the work is linear in the documents, also when a hundred thousand of them share every band. Pairs that
an earlier band has joined already are not checked again.

A cluster may be a chain whose ends have little in common. So the *kept* documents of a cluster are chosen
greedily: the most preferred one, then the most preferred one that is similar to none that are kept, and so
on up to MAX_KEPT. Every dropped document is similar to a kept one, and no two kept ones are similar; only in
a cluster with more than MAX_KEPT such documents the rest is dropped unseen.
"""

# D documents, M members of buckets, G buckets, Q pairs

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.corpus.shingles import Places, Words64
from pipeline.corpus.similarity import Sketches

ALL_PAIRS_MEMBERS = 24
ROUNDS = 8
MAX_KEPT = 64


@dataclass(frozen=True, slots=True)
class Clusters:
    """For each document the smallest number of its cluster and the kept document it duplicates (or is)."""

    roots: Places  # D
    keepers: Places  # D
    pairs_checked: int  # to find the clusters


class Forest:
    """Disjoint sets over document numbers; each set is known by its smallest member, its root."""

    def __init__(self, parents: Places) -> None:
        """Starts from `parents`, shape (D,): each document's own number, or a smaller one of its set."""
        self._parents = parents.copy()
        self._flatten()

    def roots(self, documents: Places) -> Places:
        """The root of each document's set."""
        return self._parents[documents]

    def join(self, left: Places, right: Places) -> None:
        """Joins the sets of each pair."""
        while True:
            roots = self._parents[left], self._parents[right]
            apart = roots[0] != roots[1]
            if not apart.any():
                return
            low, high = np.minimum(*roots)[apart], np.maximum(*roots)[apart]
            np.minimum.at(self._parents, high, low)
            self._flatten()

    def _flatten(self) -> None:
        while True:
            grandparents = self._parents[self._parents]
            if np.array_equal(grandparents, self._parents):
                return
            self._parents = grandparents


def cluster(
    representatives: Places, bands: Iterable[tuple[Places, Words64]], sketches: Sketches, *, threshold: float
) -> Clusters:
    """Clusters of the documents whose Jaccard similarity to another member is at least `threshold`.

    `representatives`, shape (D,), names for each document the smallest with exactly its normalized text; only
    these are compared. Each of `bands` holds documents, ascending, and their keys; those that share none may
    be missing.
    """
    forest = Forest(representatives)
    distinct = np.flatnonzero(representatives == np.arange(len(representatives)))
    checked = 0
    for documents, keys in bands:
        is_distinct = representatives[documents] == documents
        members, starts = buckets(documents[is_distinct], keys[is_distinct])
        for _ in range(ROUNDS):
            left, right = _pairs(members, starts)
            apart = forest.roots(left) != forest.roots(right)
            possible = sketches.bound(left, right) >= threshold
            left, right = left[apart & possible], right[apart & possible]
            similar = sketches.jaccard(left, right) >= threshold
            forest.join(left[similar], right[similar])
            checked += len(left)
            members, starts = _left_over(members, starts, forest)
            if not len(members):
                break
    roots = forest.roots(np.arange(len(representatives)))
    keepers = _keepers(roots, distinct, sketches, threshold=threshold)
    return Clusters(roots, keepers[representatives], checked)


def buckets(documents: Places, keys: Words64 | Places) -> tuple[Places, Places]:
    """The documents that share their key with another one, bucket by bucket, ascending in each, shape (M,).

    Beside them where each bucket starts, with the end of the last, shape (G + 1,).
    """
    order = np.argsort(keys, kind="stable")
    starts = _starts(keys[order])
    sizes = np.diff(starts)
    shared = np.repeat(sizes > 1, sizes)
    return documents[order[shared]], np.append(0, np.cumsum(sizes[sizes > 1]))


def _pairs(members: Places, starts: Places) -> tuple[Places, Places]:
    """All pairs of each small bucket, and of each large one its first member with every other; each (Q,)."""
    sizes = np.diff(starts)
    large = sizes > ALL_PAIRS_MEMBERS
    in_large = np.repeat(large, sizes)
    leaders = np.repeat(members[starts[:-1]], sizes)
    follows = in_large & (members != leaders)
    lefts, rights = [leaders[follows]], [members[follows]]
    for size in np.unique(sizes[~large]):
        grid = members[starts[:-1][sizes == size][:, None] + np.arange(size)]
        first, second = np.triu_indices(size, k=1)
        lefts.append(grid[:, first].ravel())
        rights.append(grid[:, second].ravel())
    return np.concatenate(lefts), np.concatenate(rights)


def _left_over(members: Places, starts: Places, forest: Forest) -> tuple[Places, Places]:
    """The members of large buckets that are not in the set of the bucket's first, as buckets again."""
    sizes = np.diff(starts)
    leaders = np.repeat(members[starts[:-1]], sizes)
    apart = np.repeat(sizes > ALL_PAIRS_MEMBERS, sizes) & (forest.roots(members) != forest.roots(leaders))
    return buckets(members[apart], np.repeat(starts[:-1], sizes)[apart])


def _keepers(roots: Places, distinct: Places, sketches: Sketches, *, threshold: float) -> Places:
    """For each of the distinct documents the kept one it duplicates, or itself, shape (D,)."""
    keepers = np.arange(len(roots))
    members, starts = buckets(distinct, roots[distinct])
    for _ in range(MAX_KEPT):
        leaders = np.repeat(members[starts[:-1]], np.diff(starts))
        similar = sketches.jaccard(leaders, members) >= threshold
        keepers[members[similar]] = leaders[similar]
        rest = members[~similar]
        members, starts = buckets(rest, roots[rest])
        if not len(members):
            break
    keepers[members] = roots[members]
    return keepers


def _starts(values: Words64 | Places) -> Places:
    """Where each run of equal values starts, with the end of the last."""
    begins = np.append(np.ones(min(len(values), 1), dtype=bool), values[1:] != values[:-1])
    return np.append(np.flatnonzero(begins), len(values))
