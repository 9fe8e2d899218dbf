"""A hundred thousand copies of one text, and as many near duplicates: one is kept, and in time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.artifacts import hash_tree, publishing
from pipeline.corpus.shards import SHARD_DOCUMENTS, write_shards
from pipeline.records import Document, document_id
from pipeline.stage import Work
from stages.dedupe import DedupeMetrics, run
from tests.corpus.collections import DEDUPE, edited, prose

DOCUMENTS = 100_000
IDENTICAL_SECONDS, NEAR_SECONDS = 60, 120
PARAMS = replace(DEDUPE, jaccard_threshold=0.8, val_fraction=0.1, test_fraction=0.1)
TEXT = prose(1, words=120)
pytestmark = pytest.mark.faults


def deduplicated(
    folder: Path, *parts: Iterable[tuple[str, str]], shard_documents: int = SHARD_DOCUMENTS
) -> tuple[DedupeMetrics, float]:
    """What the stage says of texts by the name of their origin, and its seconds; its output is in `out`.

    Each of the parts is an artifact of its own.
    """
    for number, texts in enumerate(parts):
        ids = sorted((document_id("files", name), name, text) for name, text in texts)
        rows = (Document(name, "files", origin, "", "", "{}", text) for name, origin, text in ids)
        facts = {"documents": len(ids)}
        with publishing(folder / f"clean/part{number}", kind="documents", facts=facts) as out:
            write_shards(rows, out, max_documents=shard_documents)
    started = time.monotonic()
    metrics = run(folder / "clean", folder, folder / "out", params=PARAMS, work=Work(folder / "work"))
    return metrics, time.monotonic() - started


def near_duplicates(count: int) -> Iterator[tuple[str, str]]:
    """Copies of one text in each of which one word is another."""
    draw = random.Random(2)
    for number in range(count):
        words = TEXT.split(" ")
        words[draw.randrange(len(words))] = f"changed{number}"
        yield str(number), " ".join(words)


def test_of_identical_documents_one_is_kept(tmp_path: Path) -> None:
    metrics, seconds = deduplicated(tmp_path, ((str(number), TEXT) for number in range(DOCUMENTS)))
    assert (metrics.documents_in, metrics.documents_kept) == (DOCUMENTS, 1)
    assert metrics.dropped["exact_duplicate"] == DOCUMENTS - 1
    assert (metrics.clusters, metrics.largest_cluster) == (1, DOCUMENTS)
    assert seconds <= IDENTICAL_SECONDS


def test_near_duplicates_are_one_cluster_in_linear_work(tmp_path: Path) -> None:
    metrics, seconds = deduplicated(tmp_path, near_duplicates(DOCUMENTS))
    assert (metrics.documents_in, metrics.documents_kept) == (DOCUMENTS, 1)
    assert (metrics.clusters, metrics.largest_cluster) == (1, DOCUMENTS)
    assert metrics.pairs_checked <= 4 * DOCUMENTS
    assert seconds <= NEAR_SECONDS


def test_what_is_kept_does_not_depend_on_where_documents_lie(tmp_path: Path) -> None:
    texts = [*near_duplicates(300), *((f"other{n}", prose(n)) for n in range(2, 300))]
    texts += [(f"copy{n}", edited(prose(n), 3, 40)) for n in range(2, 300, 3)]
    hashes = set()
    for order, shard_documents in enumerate((1000, 200, 60)):
        random.Random(order).shuffle(texts)
        middle = random.Random(order).randrange(1, len(texts))
        folder = tmp_path / str(order)
        deduplicated(folder, texts[:middle], texts[middle:], shard_documents=shard_documents)
        hashes.add(hash_tree(folder / "out"))
    assert len(hashes) == 1
