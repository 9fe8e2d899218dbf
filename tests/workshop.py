"""Working copies of this repository in which tests run DVC for real."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LONGEST_END_SECONDS = 60.0  # that a stage may outlive its dvc, or a worker its stage
_RAN = re.compile(r"^Running stage '([^']+)':", re.MULTILINE)
_RESTORED = re.compile(r"^Stage '([^']+)' is cached - skipping run", re.MULTILINE)


class Workshop:
    """A copy of the repository's files at `path`, under its own git and DVC, with this environment as its
    .venv; made now unless it is there.
    """

    def __init__(self, path: Path, *, profile: str | None = None, **environment: str) -> None:
        self.path = path
        self.environment = {**os.environ, "GX_ANALYTICS_ENABLED": "false", **environment}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a pipeline is dozens of starts
        if (path / ".git").exists():
            return
        copy_repository(path)
        (path / ".venv").symlink_to(sys.prefix)
        if profile:
            shutil.copyfile(ROOT / "profiles" / f"{profile}.yaml", path / "params.yaml")
        _git(path, "init", "--quiet")

    def dvc(self, *arguments: str, check: bool = True) -> str:
        """Runs dvc here and returns what it printed; a failure fails the test unless `check` is off."""
        command = [str(Path(sys.executable).with_name("dvc")), *arguments]
        done = subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs Python here and returns the finished process."""
        command = [str(self.path / ".venv/bin/python"), *arguments]
        return subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, text=True)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Starts a command here and returns the process; its output is on its pipes."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.path, env=self.environment, stdout=pipe, stderr=pipe, text=True
        )

    def processes(self, words: str) -> list[int]:
        """The ids of running processes in this folder whose command line holds `words`."""
        return processes_in(self.path, words)

    def repro(self) -> tuple[set[str], set[str]]:
        """`dvc repro`; the names of the stages that ran and of those restored from the run-cache."""
        said = self.dvc("repro")
        return set(_RAN.findall(said)), set(_RESTORED.findall(said))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces the one occurrence of `old` in the file by `new`."""
        text = (self.path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        (self.path / name).write_text(text.replace(old, new), encoding="utf-8")

    def lock(self) -> str:
        """The text of dvc.lock."""
        return (self.path / "dvc.lock").read_text(encoding="utf-8")


def copy_repository(path: Path, *below: str) -> None:
    """Copies the repository's files, or those below some folders; not dvc.lock, nor what git ignores."""
    listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *below).split(
        "\0"
    )
    for name in filter(None, listed):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, path / name)


def processes_in(folder: Path, words: str) -> list[int]:
    """The ids of running processes in the folder whose command line holds `words`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            here = (process / "cwd").resolve() == folder.resolve()
            if here and words in (process / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                found.append(int(process.name))
    return found


def wait_for(condition: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """The first true value of the condition; a condition that stays false fails the test."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return value


def wait_until_ended(folder: Path, words: str) -> None:
    """Returns when no such process runs in the folder; fails when one does so for a minute more."""
    deadline = time.monotonic() + LONGEST_END_SECONDS
    while running := processes_in(folder, words):
        assert time.monotonic() < deadline, f"{running} outlived their stage"
        time.sleep(0.02)


def cpu_seconds_of_children() -> float:
    """The processor time that all ended child processes of this one have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout
