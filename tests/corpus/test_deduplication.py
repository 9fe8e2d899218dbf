"""deduplication: what is a duplicate, what is kept, and that the order of the input does not matter."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.artifacts import publishing, write_table
from pipeline.corpus.catalogue import build_catalogue, shards_below
from pipeline.corpus.collisions import find_collisions
from pipeline.corpus.decoding import decode
from pipeline.corpus.deduplication import EXACT_DUPLICATE, KEPT, NEAR_DUPLICATE, find_duplicates
from pipeline.corpus.minhash import Banding, choose_banding
from pipeline.corpus.signing import Signing
from pipeline.corpus.verdicts import Verdicts
from pipeline.errors import DataError, IntegrityError
from pipeline.records import DOCUMENT_SCHEMA, Document
from pipeline.reuse import Results
from tests.corpora import corpora
from tests.corpus.collections import edited, named, prose, publish

THRESHOLD = 0.7


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


def verdicts(
    folder: Path, documents: Sequence[Document], *, shard_documents: int = 7
) -> dict[str, dict[str, str]]:
    """Cluster, reason and kept document of each document, by its id."""
    publish(folder / "in" / "files", documents, shard_documents=shard_documents)
    shards, count = shards_below(folder / "in")
    assert count == len(documents)
    banding = choose_banding(num_permutations=128, threshold=THRESHOLD)
    catalogue = build_catalogue(shards, Results(folder / "work", code=""), Signing(5, 128, banding))
    collided = Results(folder / "collided", code="")
    collisions = find_collisions(catalogue, collided, documents=count, kinds=banding.bands + 1)
    nothing = np.empty(0, dtype=np.int64)
    found = find_duplicates(catalogue, collisions, banding, without=nothing, threshold=THRESHOLD)
    tables = list(Verdicts(catalogue, found.documents, nothing).by_id())
    rows = pa.concat_tables(tables).select(["id", "cluster", "reason", "duplicate_of"]).to_pylist()
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    return {row.pop("id"): row for row in rows}


def reasons(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name.removeprefix("files-"): verdict["reason"] for name, verdict in found.items()}


def test_texts_that_differ_in_case_and_white_space_are_exact_duplicates(tmp_path: Path) -> None:
    text = prose(1)
    found = verdicts(tmp_path, [named("b", text), named("a", f" {text.upper()}\n"), named("c", prose(2))])
    assert reasons(found) == {"a": KEPT, "b": EXACT_DUPLICATE, "c": KEPT}
    assert found["files-b"] == {"cluster": "files-a", "reason": EXACT_DUPLICATE, "duplicate_of": "files-a"}


def test_of_near_duplicates_the_longest_is_kept(tmp_path: Path) -> None:
    text = prose(1)
    documents = [named("a", edited(text, 40)), named("b", text + " and some more words"), named("c", text)]
    found = verdicts(tmp_path, documents)
    assert reasons(found) == {"a": NEAR_DUPLICATE, "b": KEPT, "c": NEAR_DUPLICATE}
    assert {verdict["cluster"] for verdict in found.values()} == {"files-a"}


def test_texts_that_share_half_their_words_are_both_kept(tmp_path: Path) -> None:
    text = prose(1)
    half = " ".join(text.split()[:40] + prose(2).split()[40:])
    assert reasons(verdicts(tmp_path, [named("a", text), named("b", half)])) == {"a": KEPT, "b": KEPT}


def test_texts_shorter_than_a_shingle_are_duplicates_only_when_equal(tmp_path: Path) -> None:
    texts = {"a": "two words", "b": "Two  words", "c": "two", "d": "", "e": " ", "f": "!"}
    found = reasons(verdicts(tmp_path, [named(name, text) for name, text in texts.items()]))
    assert {name for name, reason in found.items() if reason == EXACT_DUPLICATE} == {"b", "e"}
    assert NEAR_DUPLICATE not in found.values()


def test_the_order_of_the_input_and_its_shards_do_not_matter(tmp_path: Path) -> None:
    originals = [prose(seed) for seed in range(12)]
    copies = [edited(text, place) for text in originals for place in range(3, 60, 19)]
    names = [f"{number:02d}" for number in range(len(originals) + len(copies))]
    random.Random(2).shuffle(names)
    documents = [named(name, text) for name, text in zip(names, originals + copies, strict=True)]
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    found = verdicts(tmp_path / "one", documents, shard_documents=5)
    assert found == verdicts(tmp_path / "other", documents[::-1], shard_documents=100)
    assert list(reasons(found).values()).count(KEPT) == len(originals)


def test_every_dropped_document_names_a_kept_one(tmp_path: Path) -> None:
    text = prose(1, words=120)
    chain = [named(f"{step:02d}", edited(text, *range(0, 8 * step, 8))) for step in range(8)]
    found = verdicts(tmp_path, [*chain, named("x", chain[0].text)])
    for verdict in found.values():
        assert found[verdict["duplicate_of"]]["reason"] == KEPT
    assert len({verdict["cluster"] for verdict in found.values()}) == 1


def test_a_null_text_is_refused_by_name_of_its_column(tmp_path: Path) -> None:
    nullable = pa.schema([pa.field(field.name, field.type) for field in DOCUMENT_SCHEMA])
    row = dict.fromkeys(DOCUMENT_SCHEMA.names, "x") | {"text": None}
    with publishing(tmp_path / "in" / "files", kind="documents", facts={"documents": 1}) as out:
        write_table(out / "shard-00000.parquet", pa.Table.from_pylist([row], schema=nullable))
    shards, _ = shards_below(tmp_path / "in")
    with pytest.raises(DataError, match="column 'text' has 1 nulls"):
        build_catalogue(shards, Results(tmp_path / "work", code=""), Signing(5, 16, Banding(2, 8)))


def test_a_folder_that_is_no_artifact_is_refused(tmp_path: Path) -> None:
    publish(tmp_path / "files", [named("a", prose(1))])
    (tmp_path / "gutenberg").mkdir()
    with pytest.raises(IntegrityError, match=r"gutenberg/manifest\.json: missing"):
        shards_below(tmp_path)


def test_real_editions_and_revisions_are_found_and_other_texts_are_not(tmp_path: Path) -> None:
    folder = corpora("dups")
    with open(folder / "truth.csv", encoding="utf-8") as file:
        pairs = list(csv.DictReader(file))
    names = sorted({name for row in pairs for name in (row["file_a"], row["file_b"])})
    decoded = {name: decode((folder / name).read_bytes()) for name in names}
    found = verdicts(tmp_path, [named(name, read.text) for name, read in decoded.items() if read])
    clusters = {name: found[f"files-{name}"]["cluster"] for name in names}
    for row in pairs:
        together = clusters[row["file_a"]] == clusters[row["file_b"]]
        if float(row["jaccard5_whole"]) >= THRESHOLD:
            assert together, row
        if row["relation"].endswith("NEGATIVE"):
            assert not together, row


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"not an array"])
def test_a_damaged_signature_is_named_with_the_remedy(tmp_path: Path, damage: bytes) -> None:
    publish(tmp_path / "in" / "files", [named("a", prose(1))])
    shards, _ = shards_below(tmp_path / "in")
    banding = choose_banding(num_permutations=16, threshold=THRESHOLD)
    catalogue = build_catalogue(shards, Results(tmp_path / "work", code=""), Signing(5, 16, banding))
    (damaged,) = (tmp_path / "work").glob("*.keys.npy")
    damaged.write_bytes(damage)
    with pytest.raises(IntegrityError, match=r"\.keys\.npy: missing or damaged .+; remove the folder"):
        find_collisions(
            catalogue, Results(tmp_path / "collided", code=""), documents=1, kinds=banding.bands + 1
        )
