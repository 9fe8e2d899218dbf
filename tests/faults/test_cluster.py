"""Text stages on Dask workers over TCP: the same bytes with a worker killed, one line without a scheduler."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks import cluster_demo
from pipeline.artifacts import hash_tree
from tests.corner import Corner
from tests.corpus.collections import named, prose, publish

SHARDS, SHARD_DOCUMENTS = 16, 150
STAGE = "clean@files"
pytestmark = pytest.mark.faults


@pytest.fixture
def corner(tmp_path: Path) -> Corner:
    """A corner with a corpus of many shards to clean."""
    made = Corner(tmp_path / "corner", GRISTMILL_PROCESSES="2")
    texts = (prose(number, words=300) for number in range(SHARDS * SHARD_DOCUMENTS))
    documents = [named(f"{number:05d}", f"{text}.") for number, text in enumerate(texts)]
    publish(made.path / "data/ingest/files", documents, shard_documents=SHARD_DOCUMENTS)
    return made


@pytest.mark.parametrize("kill", [False, True])
def test_the_bytes_are_those_of_this_machine(corner: Corner, kill: bool) -> None:
    cluster_demo.timed(corner, STAGE, kill=None)
    local = [hash_tree(path) for path in corner.outputs(STAGE)]
    cluster_demo.timed(corner, STAGE, kill=kill)
    assert [hash_tree(path) for path in corner.outputs(STAGE)] == local
    cluster_demo.timed(corner, "dedupe", kill=None)
    local = [hash_tree(path) for path in corner.outputs("dedupe")]
    cluster_demo.timed(corner, "dedupe", kill=kill)
    assert [hash_tree(path) for path in corner.outputs("dedupe")] == local


def test_a_scheduler_that_goes_away_is_one_line_and_the_next_run_goes_on(corner: Corner) -> None:
    with cluster_demo.cluster(corner) as (address, _):
        corner.environment["GRISTMILL_DASK"] = address
        running = corner.start(STAGE)
        cluster_demo.wait_for_a_shard(corner, running)
    started = time.monotonic()
    _, said = running.communicate(timeout=300)
    assert running.returncode == 5, said
    assert said.splitlines()[-1].endswith("the scheduler went away; start it and run it again")
    assert time.monotonic() - started < 200
    finished = list((corner.path / ".work").rglob("*.done.json"))
    assert finished
    del corner.environment["GRISTMILL_DASK"]
    assert corner.run(STAGE).code == 0


def test_a_scheduler_without_workers_is_one_line(corner: Corner) -> None:
    with cluster_demo.cluster(corner, workers=0) as (address, _):
        corner.environment["GRISTMILL_DASK"] = address
        outcome = corner.run(STAGE)
    assert outcome.code == 5
    assert "the scheduler has no workers; start some" in outcome.stderr
