"""Several processes train one model: stopped by signals, or started on several machines by a launcher."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.errors import BusyError
from pipeline.model.runtime import PROCESSES_VARIABLE
from tests.corner import Corner
from tests.model.trainings import stream
from tests.stages.test_pretrain import publish_split
from tests.workshop import wait_until_ended

LONGEST_STOP_SECONDS = 25.0
pytestmark = pytest.mark.faults


def corner(folder: Path, **environment: str) -> Corner:
    """A place for a training of some seconds, its tokens packed."""
    found = Corner(folder, **environment)
    params = found.path / "params.yaml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace("  steps: 60 ", "  steps: 200 ", 1), encoding="utf-8")
    publish_split(folder / "data/pack/train", stream(documents=60, seed=1))
    publish_split(folder / "data/pack/val", stream(documents=6, seed=2))
    return found


def written(place: Corner) -> dict[str, bytes]:
    """Every byte that the stage published."""
    files = [
        file
        for out in place.outputs("pretrain")
        for file in ([out] if out.is_file() else sorted(out.rglob("*")))
        if file.is_file()
    ]
    return {file.relative_to(place.path).as_posix(): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process that nobody disturbed publishes."""
    place = corner(tmp_path_factory.mktemp("alone"), **{PROCESSES_VARIABLE: "1"})
    outcome = place.run("pretrain")
    assert outcome.code == 0, outcome.stderr
    return written(place)


def wait_for_checkpoint(place: Corner, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120.0
    while not list(place.path.glob(".work/pretrain/*/checkpoints/step-*/manifest.json")):
        assert process.poll() is None, "the training ended too soon"
        assert time.monotonic() < deadline, "no checkpoint appeared"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "to_group"),
    [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True)],
    ids=["terminated", "interrupted", "ctrl-c"],
)
def test_two_processes_stop_with_a_checkpoint_and_go_on(
    number: signal.Signals, to_group: bool, alone: dict[str, bytes], tmp_path: Path
) -> None:
    place = corner(tmp_path, **{PROCESSES_VARIABLE: "2"})
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        place.command("pretrain"),
        cwd=place.path,
        env=place.environment,
        stdout=pipe,
        stderr=pipe,
        text=True,
        process_group=0,
    )
    wait_for_checkpoint(place, process)
    asked = time.monotonic()
    (os.killpg if to_group else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == BusyError.exit_code, said
    assert time.monotonic() - asked < LONGEST_STOP_SECONDS
    assert "pretrain: BusyError: training was told to stop; run it again" in said
    wait_until_ended(place.path, "multiprocessing")
    kept = [
        int(path.name.removeprefix("step-")) for path in place.path.glob(".work/pretrain/*/checkpoints/*")
    ]
    assert any(step % 10 for step in kept), f"only the regular checkpoints are there: {kept}"
    outcome = place.run("pretrain")
    assert outcome.code == 0, outcome.stderr
    assert f"resumed after step {max(kept)} of 300" in outcome.stderr
    assert written(place) == alone


def launcher(place: Corner, port: int) -> list[str]:
    """The stage's command behind the one that docs/training.md gives for each of two machines."""
    python, *stage = place.command("pretrain")
    rendezvous = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{port}", "--rdzv-id", "1"]
    return [
        python,
        "-m",
        "torch.distributed.run",
        "--nnodes",
        "2",
        "--nproc-per-node",
        "1",
        *rendezvous,
        *stage,
    ]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return int(found.getsockname()[1])


def test_two_launchers_publish_the_bytes_of_one_process(alone: dict[str, bytes], tmp_path: Path) -> None:
    place = corner(tmp_path)
    command, pipe = launcher(place, free_port()), subprocess.PIPE
    machines = [
        subprocess.Popen(command, cwd=place.path, env=place.environment, stdout=pipe, stderr=pipe, text=True)
        for _ in range(2)
    ]
    said = [machine.communicate(timeout=300)[1] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], said
    assert written(place) == alone
    assert not list(place.path.glob(".work/pretrain*"))
