"""Taking turns at a server: requests to one host keep their distance, whichever process makes them.

What is remembered for each host is when a request to it last began or ended. Whoever has waited looks again,
for another may have begun or ended meanwhile. The files lie in a folder of the user's own below the machine's
folder for temporary files, so that two working copies on one machine are as slow together as one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from pipeline.errors import ResourceError


class Turns:
    """Requests that begin `seconds_between` after the last one to the same host ended, or later; where that
    one still runs, after it began.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seconds_between: float,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._seconds, self._sleep, self._now = folder, seconds_between, sleep, now

    @contextlib.contextmanager
    def turn(self, host: str) -> Iterator[None]:
        """Waits for this host's turn; the body makes the request."""
        if not self._seconds:
            yield
            return
        while wait := self._claim(host):
            self._sleep(wait)
        try:
            yield
        finally:
            with self._locked(host) as file:
                self._note(file)

    def _claim(self, host: str) -> float:
        """0 where it is this process's turn, which is noted; else how long to wait before asking again."""
        with self._locked(host) as file:
            wait = _last(file) + self._seconds - self._now()
            if wait > self._seconds:  # the note is from before the machine started anew
                self._note(file)
            elif wait <= 0:
                self._note(file)
                return 0.0
            return min(wait, self._seconds)

    def _note(self, file: TextIO) -> None:
        file.seek(0)
        file.truncate()
        file.write(repr(self._now()))
        file.flush()

    @contextlib.contextmanager
    def _locked(self, host: str) -> Iterator[TextIO]:
        path = self._folder / hashlib.sha256(host.encode()).hexdigest()[:16]
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(path, "a+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def shared_folder() -> Path:
    """Where the processes of this user on this machine meet. ResourceError when it is someone else's."""
    folder = Path(tempfile.gettempdir(), f"gristmill-{os.getuid()}")
    folder.mkdir(exist_ok=True, mode=0o700)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ResourceError(f"{folder}: is not this user's; remove it, or name another folder in TMPDIR")
    return folder


def _last(file: TextIO) -> float:
    """When the host was last asked, in the seconds of time.monotonic(); long ago when nobody can say."""
    file.seek(0)
    try:
        said = float(file.read(64) or "-inf")
    except ValueError:
        return -math.inf
    return said if math.isfinite(said) else -math.inf
