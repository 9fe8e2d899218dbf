"""Several processes train one model: stopped by signals, or started on several machines by a launcher."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from pipeline.errors import BusyError
from pipeline.model.runtime import PROCESSES_VARIABLE
from tests.corner import Corner
from tests.model.trainings import stream
from tests.stages.test_pretrain import publish_split
from tests.workshop import LONGEST_END_SECONDS, wait_until_ended

LONGEST_STOP_SECONDS = 25.0
pytestmark = pytest.mark.faults


def corner(folder: Path, **environment: str) -> Corner:
    """A place for a training of some seconds, its tokens packed."""
    found = Corner(folder, **environment)
    params = found.path / "params.yaml"
    text, found_steps = re.subn(
        r"(?m)^  steps: \d+ ", "  steps: 200 ", params.read_text(encoding="utf-8"), count=1
    )
    assert found_steps
    params.write_text(text, encoding="utf-8")
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
    stopped = re.search(r"^stopped after step (\d+) of 200; run it again", said, re.MULTILINE)
    assert stopped, said
    outcome = place.run("pretrain")
    assert outcome.code == 0, outcome.stderr
    assert f"resumed after step {stopped[1]} of 200" in outcome.stderr
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


def machines(place: Corner) -> list[subprocess.Popen[str]]:
    """Two launchers that have found one another."""
    command, pipe = launcher(place, free_port()), subprocess.PIPE
    return [
        subprocess.Popen(command, cwd=place.path, env=place.environment, stdout=pipe, stderr=pipe, text=True)
        for _ in range(2)
    ]


def test_two_launchers_publish_the_bytes_of_one_process(alone: dict[str, bytes], tmp_path: Path) -> None:
    place = corner(tmp_path)
    started = machines(place)
    said = [machine.communicate(timeout=300)[1] for machine in started]
    assert [machine.returncode for machine in started] == [0, 0], said
    assert written(place) == alone
    assert not list(place.path.glob(".work/pretrain*"))


@pytest.mark.parametrize("victim", ["launcher", "process"])
def test_what_ends_on_one_machine_ends_on_the_other_and_goes_on_later(
    victim: str, alone: dict[str, bytes], tmp_path: Path
) -> None:
    place = corner(tmp_path)
    started = machines(place)
    wait_for_checkpoint(place, started[0])
    asked = time.monotonic()
    if victim == "launcher":
        started[1].terminate()
    else:
        (process,) = psutil.Process(started[1].pid).children()
        process.kill()
    said = "".join(machine.communicate(timeout=120)[1] for machine in started)
    assert all(machine.returncode for machine in started)
    assert time.monotonic() - asked < LONGEST_END_SECONDS
    wanted = (
        r"stopped after step (\d+) of 200" if victim == "launcher" else "a training process died or froze"
    )
    found = re.search(f"pretrain: .*{wanted}", said)
    assert found, said
    outcome = place.run("pretrain")
    assert outcome.code == 0, outcome.stderr
    assert f"resumed after step {found[1] if found.groups() else ''}" in outcome.stderr
    assert written(place) == alone
