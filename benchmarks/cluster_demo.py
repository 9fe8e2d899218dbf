"""`make cluster-demo`: text stages on a Dask scheduler and two workers over TCP, one of them killed half-way.

    python -m benchmarks.cluster_demo

Ingests text (the folder that CORPUS names, else the documentation of installed packages), then runs `clean`
and `dedupe` three times: with two processes, on two workers, and on two workers one of which is killed while
it works. Prints how long each took and whether the bytes are those of the first; exits with 1 if not.
Everything listens on 127.0.0.1 alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.artifacts import hash_tree
from tests.corner import Corner

HOST = "127.0.0.1"
START_SECONDS = 120.0
CORPUS = "CORPUS"


def main() -> None:
    """Runs the demonstration in a folder of its own and prints its table."""
    with tempfile.TemporaryDirectory(prefix="cluster-demo-") as folder:
        corner = Corner(Path(folder) / "corner", params="params.yaml", GRISTMILL_PROCESSES="2")
        source = prepare(corner, os.environ.get(CORPUS))
        stages = (f"clean@{source}", "dedupe")
        rows, same = [("stage", "where", "seconds", "same bytes")], True
        hashes: dict[str, str] = {}
        for where, kill in (("two processes", None), ("two workers", False), ("one worker killed", True)):
            for stage in stages:
                seconds = timed(corner, stage, kill=kill)
                found = "".join(hash_tree(path) for path in corner.outputs(stage))
                equal = hashes.setdefault(stage, found) == found
                rows.append((stage, where, f"{seconds:.1f}", "yes" if equal else "NO"))
                same &= equal
    for row in rows:
        sys.stdout.write("| " + " | ".join(row) + " |\n")
        if row is rows[0]:
            sys.stdout.write("|---" * len(row) + "|\n")
    sys.stdout.write(f"cluster-demo: {'ok' if same else 'the bytes differ'}\n")
    sys.exit(not same)


def prepare(corner: Corner, corpus: str | None) -> str:
    """Ingests the text and returns the name of its source."""
    source = "files" if corpus else "pydocs"
    if corpus:
        text = corner.path / "data/sources" / source
        shutil.rmtree(text)
        text.symlink_to(Path(corpus).resolve())
        corner.enable(source)
    succeed(corner.start(f"ingest@{source}"))
    return source


def timed(corner: Corner, stage: str, *, kill: bool | None) -> float:
    """Seconds of the stage: with processes (`kill` is None), or on two workers, one of them killed or not."""
    corner.forget(stage)
    if kill is None:
        started = time.monotonic()
        succeed(corner.start(stage))
        return time.monotonic() - started
    with cluster(corner) as (address, workers):
        corner.environment["GRISTMILL_DASK"] = address
        try:
            started = time.monotonic()
            running = corner.start(stage)
            if kill:
                wait_for_a_shard(corner, running)
                workers[0].kill()
            succeed(running)
            return time.monotonic() - started
        finally:
            del corner.environment["GRISTMILL_DASK"]


@contextlib.contextmanager
def cluster(corner: Corner, *, workers: int = 2) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its workers of one thread each; all end with the context."""
    named = corner.path / ".scheduler.json"
    named.unlink(missing_ok=True)
    started = [_dask(corner, "scheduler", "--port", "0", "--scheduler-file", str(named))]
    try:
        address = _address(named, started[0])
        for _ in range(workers):
            started.append(_dask(corner, "worker", address, "--nthreads", "1", "--no-nanny"))
        yield address, started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def wait_for_a_shard(corner: Corner, running: subprocess.Popen[str]) -> None:
    """Returns when the stage has the result of a first shard, or has ended."""
    while running.poll() is None and not list((corner.path / ".work").rglob("*.done.json")):
        time.sleep(0.02)


def succeed(running: subprocess.Popen[str]) -> None:
    """Waits for the end of the stage; SystemExit with what it said when it failed."""
    _, said = running.communicate()
    if running.returncode:
        sys.exit(said)


def _dask(corner: Corner, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dask", *words, "--host", HOST, "--no-dashboard"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=corner.path, env=corner.environment, stdout=quiet, stderr=quiet)


def _address(named: Path, scheduler: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and scheduler.poll() is None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return str(json.loads(named.read_bytes())["address"])
        time.sleep(0.05)
    sys.exit("cluster-demo: the scheduler did not start")


if __name__ == "__main__":
    main()
