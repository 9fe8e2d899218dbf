"""A second clone, elsewhere and under other conditions, beside the one of test_end_to_end.py: what stops a
pipeline, and that it ends with the same bytes nevertheless.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from tests.first_clone import first_clone
from tests.workshop import Workshop, wait_for

LONGER = "max_chars: 5000000              # of any", "max_chars: 200000              # of any"
OWN_TEXT = "    enabled: false\n    patterns", "    enabled: true\n    patterns"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A clone in which nothing ran yet."""
    with private():
        return Workshop(
            tmp_path_factory.mktemp("clone") / "elsewhere and further",
            profile="tiny",
            TZ="Pacific/Auckland",
            LANG="de_DE.UTF-8",
            LC_ALL="C",
            PYTHONHASHSEED="4711",
            GRISTMILL_PROCESSES="1",
        )


def test_a_planted_bad_document_stops_everything_downstream(other: Workshop) -> None:
    """Cleaning lets it pass, being long and all prose; validation allows no text of that length."""
    for old, new in (LONGER, OWN_TEXT):
        other.edit("params.yaml", old, new)
    planted = other.path / "data/sources/files/planted.txt"
    planted.write_text(
        " ".join(f"Sentence number {number} of the planted document." for number in range(5000))
    )
    with private():
        said = other.dvc("repro", check=False)
    planted.unlink()
    for old, new in (LONGER, OWN_TEXT):
        other.edit("params.yaml", new, old)
    assert "Running stage 'validate'" in said
    assert "ExpectColumnValuesToBeBetween on chars: " in said
    assert "broken by 1 of" in said
    assert "failed to run: exec .venv/bin/python -m stages.validate" in said
    assert "exited with 3" in said
    assert "Traceback" not in said
    assert "Running stage 'train_bpe'" not in said
    page = (other.path / "reports/validate.html").read_text(encoding="utf-8")
    assert "Sentence number 0 of the planted" in page


@pytest.mark.parametrize(
    ("last", "killed"),
    [("train_bpe", "dedupe"), pytest.param("report", "pretrain", marks=pytest.mark.faults)],
)
def test_a_clone_elsewhere_that_was_stopped_and_killed_on_its_way_gives_the_same_lock(
    last: str, killed: str, other: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with private():
        dvc = other.start(".venv/bin/dvc", "repro", last)
        assert wait_for(lambda: other.processes(f"stages.{killed}"), seconds=300.0)
        os.kill(dvc.pid, signal.SIGKILL)
        dvc.communicate()
        wait_for(lambda: not other.processes(f"stages.{killed}"))  # it ends with its dvc
        assert other.python("-m", "pipeline.recovery").returncode == 0
        other.dvc("repro", last)
    _, first = first_clone(tmp_path_factory)
    assert other.lock() == first or last != "report"
    mine, theirs = (YAML(typ="safe").load(lock)["stages"] for lock in (other.lock(), first))
    assert last in mine
    assert mine == {stage: theirs[stage] for stage in mine}


@contextlib.contextmanager
def private() -> Iterator[None]:
    """What is written within is for its owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
