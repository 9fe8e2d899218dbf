"""The processes that a flow run starts, each with a process group of its own, and how they end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

from pipeline.errors import BusyError
from pipeline.parentage import command_with_parent

Say = Callable[[str], None]
STOPPED = "the flow was stopped; run it again to go on"
STOPPING = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))  # seconds given after each
_ADVICE = re.compile(
    r"|To (track|enable) .*|\t(git|dvc) .*|Use `dvc push`.*"
)  # what DVC says after each stage


class Children:
    """The processes that a flow run started, each the leader of a process group of its own."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._running: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()

    def run(self, command: Sequence[str], *, say: Say | None = None) -> tuple[int, list[str]]:
        """Runs the command, says each line of its output as it comes; its exit code and all lines.

        Raises BusyError once the flow is being stopped.
        """
        with self._lock:
            if self.stopped.is_set():
                raise BusyError(STOPPED)
            process = subprocess.Popen(
                command_with_parent(*command),  # also when this process is killed outright
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.append(process)
        assert process.stdout is not None, "stdout is a pipe"
        lines = []
        with process.stdout as output:
            for line in map(str.rstrip, output):
                lines.append(line)
                if say and not _ADVICE.fullmatch(line):
                    say(line)
        code = process.wait()
        with self._lock:
            self._running.remove(process)
        return code, lines

    def stop(self) -> None:
        """Ends every process group, asking first; nothing starts afterwards."""
        with self._lock:
            self.stopped.set()
            groups = list(self._running)
        for number, seconds in STOPPING:
            groups = [process for process in groups if _signal_group(process, number)]
            deadline = time.monotonic() + seconds
            while groups and time.monotonic() < deadline:
                time.sleep(0.05)
                groups = [process for process in groups if _signal_group(process, 0)]


def _signal_group(process: subprocess.Popen[str], number: int) -> bool:
    """Sends the signal to the process group; whether the group is still there."""
    process.poll()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
        return True
    return False
