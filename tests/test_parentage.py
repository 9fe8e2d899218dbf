"""Commands that end with the process that started them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from pipeline import parentage

ROOT = Path(__file__).resolve().parent.parent
# Starts a command that would outlive it, says its id and waits.
PARENT = """
import subprocess, sys, time
from pipeline.parentage import command_with_parent
script = "import time; print('begun', flush=True); time.sleep(600)"
command = command_with_parent(sys.executable, "-c", script)
child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
print(child.stdout.readline().strip(), child.pid, flush=True)
time.sleep(600)
"""


def test_a_command_says_what_it_says_and_ends_as_it_ends() -> None:
    command = parentage.command_with_parent(sys.executable, "-c", "print('said'); raise SystemExit(7)")
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (7, "said\n", "")


def test_a_command_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        word, pid = parent.stdout.readline().split()
        parent.kill()
    assert word == "begun"
    deadline = time.monotonic() + 120
    while is_alive(int(pid)):
        assert time.monotonic() < deadline, "the orphan is still there"
        time.sleep(0.05)


def test_a_command_whose_parent_had_already_gone_does_not_begin() -> None:
    command = parentage.command_with_parent(sys.executable, "-c", "print('said')")
    command[3] = str(2**22 + 1)  # no process has this id
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")


def is_alive(pid: int) -> bool:
    """Whether the process still does anything; an orphan that nobody reaps does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
