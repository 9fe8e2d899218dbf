"""The engine on the workers of a Dask scheduler, reached over TCP on this machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline import cluster
from pipeline.engine import map_shards
from pipeline.errors import ResourceError
from tests.workshop import ROOT

CLUSTER = """
import sys
import time
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@dataclass(frozen=True)
class Square:
    """The result of one task."""

    value: int


def square(number: int) -> Square:
    """One task."""
    return Square(number * number)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with one worker, in processes that import from the repository."""
    script = tmp_path / "local_cluster.py"
    script.write_text(CLUSTER)
    pipe = subprocess.PIPE
    command, environment = [sys.executable, str(script)], {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("", timeout=120)


@pytest.mark.filterwarnings("ignore")  # those of distributed itself
def test_the_results_on_a_cluster_are_those_of_this_process(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = {str(number): number for number in range(4)}
    here = map_shards(square, tasks, result=Square, work=tmp_path / "here", label="squares")
    monkeypatch.setenv("GRISTMILL_DASK", scheduler)
    there = map_shards(square, tasks, result=Square, work=tmp_path / "there", label="squares")
    assert there == here == {str(number): Square(number * number) for number in range(4)}


@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_is_not_fit_is_named_in_one_line(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_DASK", scheduler)
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    with pytest.raises(ResourceError, match=r"worker .*runs Python .*, not 3\.99\.0: give it the same"):
        map_shards(square, {"one": 1}, result=Square, work=tmp_path / "work", label="squares")


def test_a_worker_refuses_a_folder_it_does_not_share_and_code_that_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    mark.write_bytes(b"ours")
    terms = cluster._Terms(str(tmp_path), str(mark), b"ours", platform.python_version())
    monkeypatch.setattr("psutil.Process.create_time", lambda self: time.time())
    assert cluster._complaint(terms) == ""
    assert "does not see" in cluster._complaint(replace(terms, content=b"another disk's"))
    assert "does not see" in cluster._complaint(replace(terms, mark=str(tmp_path / "gone")))
    monkeypatch.setattr("psutil.Process.create_time", lambda self: 0.0)
    assert "was changed: start it again" in cluster._complaint(terms)


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_DASK", "tcp://127.0.0.1:9")
    monkeypatch.setattr("pipeline.cluster.TIMEOUT_SECONDS", 1)
    with pytest.raises(ResourceError, match="no scheduler answers"):
        map_shards(square, {"one": 1}, result=Square, work=tmp_path, label="squares")
