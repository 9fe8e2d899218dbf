"""collisions: shared keys are found in ranges of any size, and only they."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus import collisions
from pipeline.corpus.catalogue import PLACE, Catalogue, build_catalogue, shards_below
from pipeline.corpus.collisions import Collisions, find_collisions
from pipeline.corpus.minhash import choose_banding
from pipeline.corpus.signing import Signing
from pipeline.reuse import Results
from tests.corpus.collections import edited, named, prose, publish

BANDING = choose_banding(num_permutations=128, threshold=0.8)
KINDS = BANDING.bands + 1


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """Fifty texts in shards of seven, one of them again as it is and one with a word replaced."""
    texts = [named(f"{number:02d}", prose(number)) for number in range(50)]
    texts += [named("same", prose(3)), named("near", edited(prose(7), 40))]
    publish(tmp_path / "in" / "files", texts, shard_documents=7)
    shards, _ = shards_below(tmp_path / "in")
    return build_catalogue(shards, Results(tmp_path / "signed", code=""), Signing(5, 128, BANDING))


def collided(catalogue: Catalogue, folder: Path) -> Collisions:
    return find_collisions(catalogue, Results(folder, code=""), documents=52, kinds=KINDS)


def test_documents_that_share_a_key_are_found_with_each_kind_they_share(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    found = collided(catalogue, tmp_path / "collided")
    ids = catalogue.at(found.places(), ["id"])
    assert set(ids["id"].to_pylist()) == {"files-03", "files-same", "files-07", "files-near"}
    same = [place for place, name in zip(*pairs(ids), strict=True) if name in ("files-03", "files-same")]
    kinds = list(found.by_kind(KINDS))
    assert sorted(kinds[0][0].tolist()) == sorted(same), "the digest tells the others apart"
    assert all(np.isin(same, places).all() for places, _ in kinds)
    assert all(len(np.unique(keys)) * 2 == len(keys) for _, keys in kinds)


def test_the_number_of_ranges_changes_nothing(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = collided(catalogue, tmp_path / "one")
    monkeypatch.setattr(collisions, "KEYS_AT_ONCE", 100)
    many = collided(catalogue, tmp_path / "many")
    assert (len(one.files), len(many.files)) == (1, 52 * KINDS // 100 + 1)
    assert many.places().tolist() == one.places().tolist()
    for few, more in zip(one.by_kind(KINDS), many.by_kind(KINDS), strict=True):
        assert sorted(zip(*few, strict=True)) == sorted(zip(*more, strict=True))


def pairs(ids: object) -> tuple[list[int], list[str]]:
    return ids[PLACE].to_pylist(), ids["id"].to_pylist()  # type: ignore[index]
