"""Kernel locks on files: they end with the process that holds them, whatever the files contain."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import BusyError

_POLL_SECONDS = 0.1


@contextlib.contextmanager
def holding(path: Path, *, wait_seconds: float, busy: str) -> Iterator[None]:
    """Holds the lock of the file, which is made when it is missing.

    Raises BusyError with the words `busy` when another process keeps it for longer than `wait_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BusyError(busy) from None
                time.sleep(_POLL_SECONDS)
        yield
