"""Kill a stage, or DVC itself, at any moment: the next `dvc repro` ends with the same dvc.lock."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.workshop import Workshop, wait_until_ended

KILLS = 40
LONGEST_WAIT_SECONDS = 12.0
pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The dvc.lock of a run that nobody disturbed."""
    workshop = Workshop(tmp_path_factory.mktemp("undisturbed"), profile="tiny")
    workshop.repro()
    return workshop.lock()


@pytest.mark.parametrize("victim", ["stages.", "dvc"])
def test_killed_at_random_moments_the_lock_is_the_same(reference: str, tmp_path: Path, victim: str) -> None:
    shop, moments, kills = Workshop(tmp_path, profile="tiny"), random.Random(victim), 0
    while kills < KILLS:
        dvc = shop.start(".venv/bin/dvc", "repro")
        with contextlib.suppress(subprocess.TimeoutExpired):
            dvc.wait(timeout=moments.uniform(0.3, LONGEST_WAIT_SECONDS))
        victims = waited_for(dvc, shop, victim)
        for process in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        _, said = dvc.communicate()
        wait_until_ended(shop.path, "stages.")
        mended = shop.python("-m", "pipeline.recovery")
        assert mended.returncode == 0, mended.stderr
        kills += bool(victims)
        if dvc.returncode == 0:
            assert shop.lock() == reference
            forget(shop)
        else:
            assert victims, said
    shop.repro()
    assert shop.lock() == reference
    assert shop.repro() == (set(), set())


def waited_for(dvc: subprocess.Popen[str], shop: Workshop, victim: str) -> list[int]:
    """The processes to kill as soon as there are any, none when DVC ends before."""
    while not (found := shop.processes(victim)) and dvc.poll() is None:
        time.sleep(0.01)
    return found


def forget(shop: Workshop) -> None:
    """Takes away what earlier runs left, so that the next one starts anew."""
    (shop.path / "dvc.lock").unlink()
    for folder in (".dvc/cache", ".work"):
        shutil.rmtree(shop.path / folder, ignore_errors=True)
