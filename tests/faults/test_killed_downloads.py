"""Kill a download at any moment, or the stage around it: the next one ends with the same bytes."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.download import Downloader, Limits
from pipeline.corpus.pins import Pin
from pipeline.corpus.store import Store
from tests.corpus.serving import Server, ok, ranged, serving
from tests.faults.ingesting import book, ingest, start

KILLS, STAGE_KILLS = 200, 40
LONGEST_WAIT_SECONDS, LONGEST_STAGE_SECONDS = 1.5, 6.0
LIMITS = Limits(max_bytes=2**30, deadline_seconds=60, wait_seconds=0.01)
SENT_AT_ONCE, PAUSE_SECONDS = 2**20, 0.03
pytestmark = pytest.mark.faults


def body(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)


# A large file of a known version, one of none, a small one, and the large one again at another address.
BODIES = {
    "/large.bin": body("large", 14_000_000),
    "/loose.bin": body("loose", 3_000_000),
    "/small.txt": body("small", 40_000),
    "/again.bin": body("large", 14_000_000),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(send=slowly) as server:
        for path, content in BODIES.items():
            server.answers[path] = [ok(content) if "loose" in path else ranged(content)]
        yield server


def slowly(connection: socket.socket, data: bytes) -> None:
    for place in range(0, len(data), SENT_AT_ONCE):
        connection.sendall(data[place : place + SENT_AT_ONCE])
        time.sleep(PAUSE_SECONDS)


def fetch_all(folder: Path, base: str, is_pinned: bool) -> None:
    """What the victim does: every file, in order."""
    pins = {base + path: pin_of(content) for path, content in BODIES.items()} if is_pinned else {}
    with Downloader(limits=LIMITS, courtesy=Courtesy(seconds_between=0)) as downloader:
        store = Store(folder, downloader, limits=LIMITS, pins=pins)
        for path, content in BODIES.items():
            assert hashlib.sha256(store.get(base + path).read_bytes()).hexdigest() == pin_of(content).sha256


def pin_of(content: bytes) -> Pin:
    return Pin(len(content), hashlib.sha256(content).hexdigest())


def started(folder: Path, base: str, is_pinned: bool) -> BaseProcess:
    """A process that fetches, born without the time that imports take."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.test_killed_downloads"])
    process = context.Process(target=fetch_all, args=(folder, base, is_pinned))
    process.start()
    return process


def check(folder: Path) -> None:
    """Whatever was killed, an object is what its name says."""
    for path in folder.glob("objects/*/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def check_finished(folder: Path) -> None:
    """Every file is there once, and nothing else is."""
    objects = sorted(path.name for path in folder.glob("objects/*/*"))
    assert objects == sorted({pin_of(content).sha256 for content in BODIES.values()})
    others = {path.name for path in folder.glob("addresses/*/*/*")}
    assert others == {"entry.json", "lock", *(path.removeprefix("/") for path in BODIES)}


@pytest.mark.parametrize("victims", [1, 2])
def test_killed_at_random_moments_the_bytes_are_the_same(
    victims: int, server: Server, tmp_path: Path
) -> None:
    moments, kills, resumed = random.Random(victims), 0, len(server.requests)
    while kills < KILLS:
        is_pinned = kills % 2 == 1
        processes = [started(tmp_path, server.url, is_pinned) for _ in range(victims)]
        time.sleep(moments.uniform(0, LONGEST_WAIT_SECONDS))
        for process in processes:
            kills += process.is_alive()
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            assert process.exitcode in (0, -signal.SIGKILL)
        check(tmp_path)
        if any(process.exitcode == 0 for process in processes):
            check_finished(tmp_path)
            shutil.rmtree(tmp_path)
            tmp_path.mkdir()
    last = started(tmp_path, server.url, True)
    last.join()
    assert last.exitcode == 0
    check_finished(tmp_path)
    assert any("range" in headers for _, headers in server.requests[resumed:]), "nothing was gone on from"


def test_two_processes_fetch_each_address_once(server: Server, tmp_path: Path) -> None:
    before = len(server.requests)
    both = [started(tmp_path, server.url, False) for _ in range(2)]
    for process in both:
        process.join()
        assert process.exitcode == 0
    check_finished(tmp_path)
    assert sorted(path for path, _ in server.requests[before:]) == sorted(BODIES)


def test_a_killed_ingest_from_a_mirror_ends_with_the_same_artifact(tmp_path: Path) -> None:
    books = {number: book(number, lines=60_000) for number in (11, 12, 13, 14, 15)}
    moments, kills = random.Random(3), 0
    with serving(send=slowly) as server:
        for number, content in books.items():
            server.answers[f"/cache/epub/{number}/pg{number}.txt"] = [ranged(content)]
        (tmp_path / "undisturbed").mkdir()
        code, said = ingest(tmp_path / "undisturbed", server.url, *books)
        assert code == 0, said
        (tmp_path / "killed").mkdir()
        while kills < STAGE_KILLS:
            process = start(tmp_path / "killed", server.url, *books)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=moments.uniform(0.5, LONGEST_STAGE_SECONDS))
            kills += process.poll() is None
            process.kill()
            _, said = process.communicate()
            assert process.returncode in (0, -signal.SIGKILL), said
            if process.returncode == 0:
                assert made(tmp_path / "killed") == made(tmp_path / "undisturbed")
                for name in ("out", ".work"):
                    shutil.rmtree(tmp_path / "killed" / name)
        assert ingest(tmp_path / "killed", server.url, *books)[0] == 0
        assert made(tmp_path / "killed") == made(tmp_path / "undisturbed")


def made(folder: Path) -> dict[str, bytes]:
    """The artifact and its metrics."""
    files = [*(folder / "out").iterdir(), folder / "metrics.json"]
    return {path.name: path.read_bytes() for path in files}
