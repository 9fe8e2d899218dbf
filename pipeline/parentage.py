"""Processes that end with the one that started them, so that no orphan goes on writing.

As a script it lends that to any command: `python parentage.py PARENT COMMAND...` becomes the command, which
receives SIGTERM when the process PARENT ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals = signal.SIGTERM, *, parent: int | None = None) -> None:
    """Makes this process receive the signal when the process that started it ends.

    `parent` is the id of that process where the caller was told; without it, the present one. On Linux the
    kernel does it, also for the program that this process becomes by exec, and already when the thread ends
    that started it; elsewhere a thread of this process looks once a second.
    """
    parent = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it had ended before the kernel was asked
            os.kill(os.getpid(), number)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), number)

    threading.Thread(target=watch, daemon=True).start()


def command_with_parent(*command: str) -> list[str]:
    """The command as one that ends with the process at hand (on Linux), without the cost of an import."""
    return [sys.executable, "-IS", __file__, str(os.getpid()), *command]


if __name__ == "__main__":
    end_with_parent(parent=int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
