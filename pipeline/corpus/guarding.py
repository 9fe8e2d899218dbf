"""Calls that may not end: a function runs in a process of its own, each call with so much processor time.

What parses hostile text well on any day takes hours for some of it (a hundred thousand attributes of one tag,
tags that are never closed), or overflows the stack of its compiled code. Nothing inside a process can stop
that; the kernel can, from outside: it ends a call that takes more than `seconds` of processor time or more
than `memory_bytes`. Sound input takes milliseconds, so how fast the machine is decides nothing.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from pipeline.errors import ResourceError

_Result = TypeVar("_Result")
SECONDS = 5
MEMORY_BYTES = 2 * 2**30
OUT_OF_BOUNDS = 70  # the exit code of a process whose call asked for too much memory, or panicked
_ENDED_BY_THE_INPUT = frozenset(
    {OUT_OF_BOUNDS, *(-signal.Signals(number) for number in (signal.SIGXCPU, signal.SIGSEGV))}
    | {-signal.SIGABRT, -signal.SIGBUS}
)
_ROOT = Path(__file__).resolve().parent.parent.parent


class Guarded(Generic[_Result]):
    """A module-level function of one plain argument, to be called as often as one likes; a context manager.

    The process starts with the first call, and anew after one that it did not survive.
    """

    def __init__(
        self,
        function: Callable[[Any], _Result],
        *,
        seconds: int = SECONDS,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._function = function
        self._command = (sys.executable, "-m", "pipeline.corpus.guarding", str(seconds), str(memory_bytes))
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection[Any, Any] | None = None

    def __enter__(self) -> Guarded[_Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end()

    def __call__(self, argument: Any) -> _Result | None:
        """What the function returns; None when it took too much time or memory, or its process broke down.

        ResourceError when something else ended the process: most often the machine's memory ran out.
        """
        try:
            pipe = self._pipe or self._start()
            pipe.send(argument)
            result: _Result = pipe.recv()
        except (EOFError, OSError):
            code = self._end()
            if code in _ENDED_BY_THE_INPUT:
                return None
            raise ResourceError(
                f"a process that reads documents ended with {code}; most often memory ran out"
            ) from None
        return result

    def _start(self) -> Connection[Any, Any]:
        self._pipe, theirs = Pipe()
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs:
            self._process = subprocess.Popen(
                (*self._command, str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "RUST_BACKTRACE": "0"},
            )
        self._pipe.send(self._function)
        return self._pipe

    def _end(self) -> int:
        """Ends the process, if there is one, and returns its exit code."""
        process, self._process = self._process, None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        return 0 if process is None else process.wait()


def _serve(pipe: Connection[Any, Any], *, seconds: int, memory_bytes: int) -> None:
    """Takes a function and answers calls of it until the other side closes the pipe."""
    function: Callable[[Any], Any] = pipe.recv()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    while True:
        try:
            argument = pipe.recv()
        except EOFError:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, most))
        try:
            result = function(argument)
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, MemoryError | RecursionError):
                raise
            os._exit(OUT_OF_BOUNDS)  # a panic of compiled code, too, is no Exception
        pipe.send(result)


def _main(seconds: str, memory_bytes: str, descriptor: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    with Connection(int(descriptor)) as pipe, contextlib.suppress(BrokenPipeError):
        _serve(pipe, seconds=int(seconds), memory_bytes=int(memory_bytes))


if __name__ == "__main__":
    _main(*sys.argv[1:])
