"""Kill a stage, or DVC itself, at any moment: the next `dvc repro` ends with the same dvc.lock."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.workshop import Workshop

KILLS = 40
pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The dvc.lock of a run that nobody disturbed."""
    workshop = Workshop(tmp_path_factory.mktemp("undisturbed"), profile="tiny")
    workshop.repro()
    return workshop.lock()


@pytest.mark.parametrize("victim", ["stages.", "dvc"])
def test_killed_at_random_moments_the_lock_is_the_same(reference: str, tmp_path: Path, victim: str) -> None:
    shop, moments, killed = Workshop(tmp_path, profile="tiny"), random.Random(victim), 0
    for _ in range(KILLS):
        dvc = shop.start(".venv/bin/dvc", "repro")
        time.sleep(moments.uniform(0.3, 6.0))
        for process in shop.processes(victim):
            killed += 1
            os.kill(process, signal.SIGKILL)
        dvc.communicate()
        deadline = time.monotonic() + 10
        while shop.processes("stages."):
            assert time.monotonic() < deadline, "a stage outlived its dvc"
            time.sleep(0.1)
        assert shop.python("-m", "pipeline.recovery").returncode == 0
    shop.repro()
    assert killed >= KILLS // 2
    assert shop.lock() == reference
    assert shop.repro() == (set(), set())
