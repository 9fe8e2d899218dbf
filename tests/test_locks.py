"""Locks on files: one holder at a time, for as long as it lives."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from pipeline.errors import BusyError
from pipeline.locks import holding


def test_a_lock_that_another_keeps_is_busy_in_the_words_of_the_caller(tmp_path: Path) -> None:
    with (
        holding(tmp_path / "locks/a", wait_seconds=0, busy="never said"),
        pytest.raises(BusyError, match="a: taken"),
        holding(tmp_path / "locks/a", wait_seconds=0, busy="a: taken"),
    ):
        pass
    with holding(tmp_path / "locks/a", wait_seconds=0, busy="it was let go"):
        pass


def test_a_lock_that_is_let_go_in_time_is_taken_and_its_file_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    with open(tmp_path / "a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        release = threading.Timer(0.2, fcntl.flock, (other, fcntl.LOCK_UN))
        release.start()
        with holding(tmp_path / "a", wait_seconds=120, busy="never said"):
            release.join()
    assert (tmp_path / "a").read_text() == "kept"
