"""Maps over shards: any order in, task order out; finished work is kept, dead workers are noticed."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.engine import lasting_workers, map_shards, processes
from pipeline.errors import DataError, ParamsError, ResourceError

ROOT = Path(__file__).resolve().parent.parent
# Runs tasks that sleep in a pool of two, as a stage would.
SLEEPERS = """
import sys
from pathlib import Path
from tests.test_engine import Shard, count, Count
from pipeline.engine import map_shards
if __name__ == "__main__":
    tasks = {str(n): Shard(Path(sys.argv[1]), "sleep") for n in range(4)}
    try:
        map_shards(count, tasks, result=Count, work=Path(sys.argv[1]) / "work", label="sleepers")
    except KeyboardInterrupt:
        sys.exit(130)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """A task: does what `order` says and leaves a mark in `folder`."""

    folder: Path
    order: str


@dataclasses.dataclass(frozen=True, slots=True)
class Count:
    """What a task returns."""

    words: int
    longest: list[str]


def count(shard: Shard) -> Count:
    """Counts the words of the order, or does something worse."""
    with open(shard.folder / f"{shard.order}.mark", "a") as file:
        file.write(f"{os.getpid()}\n")
    if shard.order == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if shard.order == "refuse beside a sleeper":
        wait_for(lambda: marks(shard.folder).get("sleep"), "the sleeper began")
    if shard.order.startswith("refuse"):
        raise DataError("shard 3 row 7: no text")
    if shard.order == "sleep":
        time.sleep(300)
        (shard.folder / "woke").touch()
    if shard.order == "late":
        time.sleep(0.5)
    return Count(len(shard.order.split()), sorted(shard.order.split(), key=len)[-1:])


def wait_for(holds: Callable[[], object], what: str) -> None:
    """Waits until something holds, for two minutes at most."""
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)


def marks(folder: Path) -> dict[str, int]:
    """How often each order was carried out."""
    return {path.stem: len(path.read_text().split()) for path in folder.glob("*.mark")}


@pytest.mark.parametrize("cores", ["1", "2"])
def test_results_come_in_the_order_of_the_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: str
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", cores)
    tasks = {"z": Shard(tmp_path, "late"), "a": Shard(tmp_path, "one two"), "m": Shard(tmp_path, "x")}
    found = map_shards(count, tasks, result=Count, work=tmp_path / "work", label="test")
    assert list(found.items()) == [
        ("z", Count(1, ["late"])),
        ("a", Count(2, ["two"])),
        ("m", Count(1, ["x"])),
    ]
    in_process = str(os.getpid()) in (tmp_path / "late.mark").read_text().split()
    assert in_process == (cores == "1")


def test_tasks_of_an_iterator_are_begun_while_others_are_still_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "2")

    def tasks() -> Iterator[tuple[str, Shard]]:
        yield from (("z", Shard(tmp_path, "first")), ("a", Shard(tmp_path, "two")))
        wait_for((tmp_path / "first.mark").exists, "the first task began")
        yield "m", Shard(tmp_path, "last")

    found = map_shards(count, tasks(), result=Count, work=tmp_path / "work", label="test")
    assert list(found) == ["z", "a", "m"]
    assert map_shards(count, tasks(), result=Count, work=tmp_path / "work", label="test") == found
    assert marks(tmp_path) == {"first": 1, "two": 1, "last": 1}


@pytest.mark.parametrize("cores", ["1", "2"])
def test_tasks_that_cannot_be_made_end_the_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: str
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", cores)

    def tasks() -> Iterator[tuple[str, Shard]]:
        yield from ((name, Shard(tmp_path, name)) for name in ("one", "two", "three"))
        raise DataError("shard 3 row 7: no task")

    with pytest.raises(DataError, match="shard 3 row 7"):
        map_shards(count, tasks(), result=Count, work=tmp_path / "work", label="test")


def test_no_tasks_are_no_results(tmp_path: Path) -> None:
    for tasks in ({}, iter(())):
        assert map_shards(count, tasks, result=Count, work=tmp_path / "work", label="test") == {}


def test_finished_tasks_are_not_done_again_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    tasks = {"a": Shard(tmp_path, "one"), "b": Shard(tmp_path, "refuse"), "c": Shard(tmp_path, "three")}
    with pytest.raises(DataError, match="shard 3 row 7"):
        map_shards(count, tasks, result=Count, work=tmp_path / "work", label="test")
    mended = {**tasks, "b": Shard(tmp_path, "two")}
    assert list(map_shards(count, mended, result=Count, work=tmp_path / "work", label="test")) == [
        "a",
        "b",
        "c",
    ]
    assert marks(tmp_path) == {"one": 1, "refuse": 1, "two": 1, "three": 1}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null"])
def test_a_damaged_record_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    tasks = {"a": Shard(tmp_path, "one"), "b": Shard(tmp_path, "two")}
    first = map_shards(count, tasks, result=Count, work=tmp_path / "work", label="test")
    (tmp_path / "work/a.done.json").write_bytes(damage)
    assert map_shards(count, tasks, result=Count, work=tmp_path / "work", label="test") == first
    assert marks(tmp_path) == {"one": 2, "two": 1}


def test_an_error_in_a_worker_is_raised_at_once_and_stops_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "2")
    orders = ("sleep", "refuse beside a sleeper", "sleep")
    tasks = {str(number): Shard(tmp_path, order) for number, order in enumerate(orders)}
    with pytest.raises(DataError, match="shard 3 row 7"):
        map_shards(count, tasks, result=Count, work=tmp_path / "work", label="test")
    wait_for_end(tmp_path / "sleep.mark")
    assert not (tmp_path / "woke").exists(), "the error did not wait for the sleeper"


def test_a_worker_that_dies_is_a_resource_error_and_the_rest_goes_on_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "2")
    tasks = {"a": Shard(tmp_path, "one"), "b": Shard(tmp_path, "die")}
    with pytest.raises(ResourceError, match="a worker process died in count; most often memory ran out"):
        map_shards(count, tasks, result=Count, work=tmp_path / "work", label="test")
    mended = {**tasks, "b": Shard(tmp_path, "two")}
    assert len(map_shards(count, mended, result=Count, work=tmp_path / "work", label="test")) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent_without_a_word(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "sleepers.py").write_text(SLEEPERS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRISTMILL_PROCESSES": "2"}
    command = [sys.executable, str(tmp_path / "sleepers.py"), str(tmp_path)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, start_new_session=True) as parent:
        wait_for(lambda: marks(tmp_path).get("sleep", 0) == 2, "the workers began")
        if number == signal.SIGINT:
            os.killpg(parent.pid, number)  # as a terminal does: to the parent and all workers
        else:
            parent.kill()
        said = parent.communicate(timeout=120)[1]
    assert parent.returncode == (130 if number == signal.SIGINT else -9)
    assert b"Traceback" not in said
    wait_for_end(tmp_path / "sleep.mark")


def test_the_number_of_processes_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "3")
    assert processes() == 3
    monkeypatch.setenv("GRISTMILL_PROCESSES", "")
    empty = processes()
    monkeypatch.delenv("GRISTMILL_PROCESSES")
    assert empty == processes() >= 1


@pytest.mark.parametrize("nonsense", ["0", "-1", "many", "1.5", "²"])
def test_a_number_of_processes_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, nonsense: str
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", nonsense)
    with pytest.raises(ParamsError, match=f"GRISTMILL_PROCESSES: is '{nonsense}'; must be a whole number"):
        processes()


def wait_for_end(mark: Path) -> None:
    """Waits until every process that left the mark is gone; a zombie that nobody reaps is gone."""

    def is_gone(pid: int) -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    pids = [int(pid) for pid in mark.read_text().split()]
    wait_for(lambda: all(map(is_gone, pids)), "the workers ended")


def test_workers_that_last_serve_one_map_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "2")
    with lasting_workers():
        for name in ("first", "second"):
            tasks = {order: Shard(tmp_path, order) for order in ("late", "late again")}
            map_shards(count, tasks, result=Count, work=tmp_path / name, label="test")
    pids = {
        pid for order in ("late", "late again") for pid in (tmp_path / f"{order}.mark").read_text().split()
    }
    assert len(pids) <= 2
    assert not any(psutil.pid_exists(int(pid)) for pid in pids)
