"""Requests to one host keep their distance, whichever process makes them."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pipeline.corpus.turns import Turns, shared_folder
from pipeline.errors import ResourceError

ASKS = """
import sys, time
from pathlib import Path
from pipeline.corpus.turns import Turns
turns = Turns(Path(sys.argv[1]), seconds_between=0.15)
for _ in range(2):
    with turns.turn("example.org"):
        sys.stdout.write(f"{time.monotonic()}\\n")
"""


class Clock:
    """Time that passes where someone sleeps."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def now(self) -> float:
        return time.monotonic() + sum(self.waited)


def test_processes_wait_for_one_another(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ASKS, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    moments = sorted(float(line) for process in both for line in process.communicate()[0].split())
    assert len(moments) == 4
    assert all(later - earlier >= 0.15 for earlier, later in itertools.pairwise(moments))


def test_the_distance_counts_from_the_end_of_a_request(tmp_path: Path) -> None:
    clock = Clock()
    turns = Turns(tmp_path, seconds_between=30, sleep=clock.sleep, now=clock.now)
    with turns.turn("a.example"):
        time.sleep(0.05)
    with turns.turn("b.example"), turns.turn("a.example"):
        pass
    assert clock.waited == [pytest.approx(30, abs=0.04)]


def test_who_has_waited_looks_whether_another_ended_meanwhile(tmp_path: Path) -> None:
    clock = Clock()
    turns = Turns(tmp_path, seconds_between=30, sleep=clock.sleep, now=clock.now)
    with turns.turn("a.example"):
        clock.sleep(5)
        ends_later = Turns(tmp_path, seconds_between=30, now=clock.now).turn("b.example")

    def sleep(seconds: float) -> None:
        if not clock.waited[1:]:  # the other one ends while this one waits
            clock.sleep(10)
            ends_later.__exit__(None, None, None)
            seconds -= 10
        clock.sleep(seconds)

    ends_later.__enter__()
    with Turns(tmp_path, seconds_between=30, sleep=sleep, now=clock.now).turn("b.example"):
        assert clock.waited == [5, 10, pytest.approx(20, abs=0.04), pytest.approx(10, abs=0.04)]


@pytest.mark.parametrize("said", ["", "nonsense", "inf", "nan", "1e18"])
def test_a_damaged_note_costs_one_pause_at_most(said: str, tmp_path: Path) -> None:
    clock = Clock()
    turns = Turns(tmp_path, seconds_between=2, sleep=clock.sleep, now=clock.now)
    with turns.turn("example.org"):
        pass
    (note,) = tmp_path.iterdir()
    note.write_text(said)
    with turns.turn("example.org"):
        pass
    assert sum(clock.waited) <= 2


def test_without_a_pause_nobody_waits_and_nothing_is_written(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "turns", seconds_between=0)
    with turns.turn("example.org"), turns.turn("example.org"):
        assert list(tmp_path.iterdir()) == []


def test_a_folder_of_someone_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = shared_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResourceError, match="not this user's; remove it"):
        shared_folder()
