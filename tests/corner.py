"""A folder in which stages run as commands, one by one and without DVC, and can be killed at any moment."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tests.workshop import ROOT, copy_repository, wait_until_ended


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and whether it was killed before."""

    code: int
    stderr: str
    killed: bool


class Corner:
    """This repository's code, linked at `path`, with params and a data folder of its own."""

    def __init__(self, path: Path, *, params: str = "profiles/tiny.yaml", **environment: str) -> None:
        self.path = path
        self.environment = {**os.environ, "GX_ANALYTICS_ENABLED": "false", **environment}
        path.mkdir(parents=True, exist_ok=True)
        for name in ("pipeline", "stages"):
            (path / name).symlink_to(ROOT / name)
        (path / ".venv").symlink_to(sys.prefix)
        shutil.copyfile(ROOT / params, path / "params.yaml")
        copy_repository(path, "data")
        (path / "reports/baseline").mkdir(parents=True)
        self._stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]

    def command(self, stage: str) -> list[str]:
        """The command of `clean@files` or `dedupe`, as dvc.yaml has it; what it reads as code is made up."""
        name, _, source = stage.partition("@")
        words = self._stages[name]["cmd"].replace("${item.source}", source).split()[1:]
        code = self.path / words[3]
        code.parent.mkdir(parents=True, exist_ok=True)
        code.write_text("{}\n")
        return words

    def outputs(self, stage: str) -> list[Path]:
        """What the stage writes, metrics too."""
        name, _, source = stage.partition("@")
        listed = [*self._stages[name]["outs"], *self._stages[name]["metrics"]]
        return [self.path / item.replace("${item.source}", source) for item in listed]

    def enable(self, source: str) -> None:
        """Turns a source on in params.yaml."""
        params = self.path / "params.yaml"
        head, key, rest = params.read_text(encoding="utf-8").partition(f"\n  {source}:")
        params.write_text(head + key + rest.replace("enabled: false", "enabled: true", 1), encoding="utf-8")

    def start(self, stage: str) -> subprocess.Popen[str]:
        """Starts the stage and returns its process; its output is on its pipes."""
        pipe, command = subprocess.PIPE, self.command(stage)
        return subprocess.Popen(
            command, cwd=self.path, env=self.environment, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, stage: str) -> Outcome:
        """Runs the stage to its end."""
        return self.kill_after(stage, None)

    def kill_after(self, stage: str, seconds: float | None) -> Outcome:
        """Runs the stage and kills it, and no other process, when it has not ended after so long."""
        process = self.start(stage)
        killed = False
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            killed = process.poll() is None
            process.send_signal(signal.SIGKILL)
            _, said = process.communicate()
        wait_until_ended(self.path, "stages.")
        wait_until_ended(self.path, "multiprocessing")
        return Outcome(process.returncode, said, killed)

    def kill_at_random(self, stage: str, *, kills: int, seed: int) -> int:
        """Runs the stage again and again, killed at random moments, and returns how often it was killed.

        The moments are drawn from the time that the last whole run took, so that they fall into all of it.
        Each time it ends, its outputs go, and it starts anew.
        """
        moments, done = random.Random(f"{stage} {seed}"), 0
        started = time.monotonic()
        assert self.run(stage).code == 0
        longest = time.monotonic() - started
        self.forget(stage)
        while done < kills:
            outcome = self.kill_after(stage, moments.uniform(0.0, longest))
            done += outcome.killed
            if not outcome.killed:
                assert outcome.code == 0, outcome.stderr
                self.forget(stage)
        return done

    def forget(self, stage: str) -> None:
        """Takes away what the stage wrote and its unfinished work."""
        for path in [*self.outputs(stage), self.path / ".work"]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
