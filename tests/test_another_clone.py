"""The same bytes elsewhere: a second clone, under other conditions, beside the one of test_end_to_end.py."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.first_clone import first_clone
from tests.workshop import Workshop, wait_for


@pytest.mark.parametrize(
    ("last", "killed"),
    [("train_bpe", "dedupe"), pytest.param("report", "pretrain", marks=pytest.mark.faults)],
)
def test_another_clone_under_other_conditions_and_killed_on_its_way_gives_the_same_lock(
    last: str, killed: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Workshop(
        tmp_path / "elsewhere and further",
        profile="tiny",
        TZ="Pacific/Auckland",
        LANG="de_DE.UTF-8",
        LC_ALL="C",
        PYTHONHASHSEED="4711",
        GRISTMILL_PROCESSES="1",
    )
    before = os.umask(0o077)
    try:
        dvc = other.start(".venv/bin/dvc", "repro", last)
        assert wait_for(lambda: other.processes(f"stages.{killed}"), seconds=300.0)
        os.kill(dvc.pid, signal.SIGKILL)
        dvc.communicate()
        wait_for(lambda: not other.processes(f"stages.{killed}"))  # it ends with its dvc
        assert other.python("-m", "pipeline.recovery").returncode == 0
        other.dvc("repro", last)
    finally:
        os.umask(before)
    _, first = first_clone(tmp_path_factory)
    assert other.lock() == first or last != "report"
    mine, theirs = (YAML(typ="safe").load(lock)["stages"] for lock in (other.lock(), first))
    assert last in mine
    assert mine == {stage: theirs[stage] for stage in mine}
