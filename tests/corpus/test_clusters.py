"""clusters: buckets, union-find, and which documents of a cluster are kept."""

from __future__ import annotations

import numpy as np

from pipeline.corpus.clusters import ALL_PAIRS_MEMBERS, Forest, buckets, cluster
from pipeline.corpus.shingles import Places, ShingleSets, Words64
from pipeline.corpus.similarity import HeldHashes, Sketches, sketch


def sketches(*sets: set[int]) -> Sketches:
    sizes = np.array([len(members) for members in sets])
    hashes = np.concatenate([np.array(sorted(members), dtype=np.uint32) for members in sets])
    starts = np.append(0, np.cumsum(sizes))
    files = (HeldHashes(sketch(ShingleSets(hashes, starts))),)
    return Sketches(files, np.zeros(len(sets), dtype=np.int32), starts[:-1], sizes)


def one_bucket(documents: int) -> list[tuple[Places, Words64]]:
    return [(each(documents), np.zeros(documents, dtype=np.uint64))]


def each(documents: int) -> Places:
    return np.arange(documents)


def test_buckets_hold_only_documents_that_share_a_key() -> None:
    members, starts = buckets(np.array([3, 5, 7, 8, 9]), np.array([20, 10, 20, 30, 20], dtype=np.uint64))
    assert members.tolist() == [3, 7, 9]
    assert starts.tolist() == [0, 3]


def test_joined_sets_are_known_by_their_smallest_member() -> None:
    forest = Forest(each(6))
    forest.join(np.array([4, 5, 1]), np.array([5, 3, 2]))
    assert forest.roots(each(6)).tolist() == [0, 1, 1, 3, 3, 3]


def test_a_long_chain_is_one_set() -> None:
    forest = Forest(each(1000))
    forest.join(each(999), each(999) + 1)
    assert not forest.roots(each(1000)).any()


def test_documents_that_share_a_band_are_joined_only_when_they_are_similar() -> None:
    found = cluster(each(3), one_bucket(3), sketches({1, 2, 3}, {7, 8, 9}, {1, 2, 3, 4}), threshold=0.7)
    assert found.roots.tolist() == [0, 1, 0]
    assert found.keepers.tolist() == [0, 1, 0]


def test_of_a_chain_the_ends_are_kept_because_they_are_not_similar() -> None:
    chain = sketches({1, 2, 3, 4}, {3, 4, 5, 6}, {2, 3, 4, 5})
    found = cluster(each(3), one_bucket(3), chain, threshold=0.6)
    assert found.roots.tolist() == [0, 0, 0]
    assert found.keepers.tolist() == [0, 1, 0]


def test_an_exact_duplicate_follows_its_representative() -> None:
    found = cluster(
        np.array([0, 1, 1]), one_bucket(3), sketches({1, 2, 3, 4}, {1, 2, 3}, {1, 2, 3}), threshold=0.7
    )
    assert found.keepers.tolist() == [0, 0, 0]
    assert found.roots.tolist() == [0, 0, 0]


def test_groups_that_fell_into_one_large_bucket_are_all_found() -> None:
    groups, of_each = 4, ALL_PAIRS_MEMBERS
    sets = [
        set(range(100 * group, 100 * group + 50)) | {10_000 + member}
        for member in range(of_each)
        for group in range(groups)
    ]
    documents = groups * of_each
    found = cluster(each(documents), one_bucket(documents), sketches(*sets), threshold=0.9)
    assert found.roots.tolist() == [place % groups for place in range(documents)]
    assert found.keepers.tolist() == found.roots.tolist()


def test_many_near_duplicates_take_few_comparisons() -> None:
    documents = 3000
    sets = [set(range(50)) | {1000 + place} for place in range(documents)]
    found = cluster(each(documents), one_bucket(documents) * 20, sketches(*sets), threshold=0.9)
    assert not found.keepers.any()
    assert found.pairs_checked == documents - 1
