"""An end to a request's time that holds wherever the request is: its headers, its body, its TLS handshake.

The timeouts of an HTTP client start anew with every byte, so a server that sends one byte now and then is
never too slow for them. Here a timer shuts the connection itself down.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

CONNECTED = "connection.connect_tcp.complete"


class Budget:
    """The seconds that all requests for one file may take together; waiting between them is free."""

    def __init__(self, seconds: float) -> None:
        self.seconds = self.left = seconds

    @contextlib.contextmanager
    def request(self) -> Iterator[Deadline]:
        """A deadline for one request: what is left, of which the body's time is taken."""
        started = time.monotonic()
        try:
            with Deadline(max(self.left, 0.0)) as deadline:
                yield deadline
        finally:
            self.left -= time.monotonic() - started


class Deadline:
    """A context manager that breaks connections off after `seconds`; `is_over` says whether it has.

    Give `watch` to a request as its extension `trace`, and use every connection for one request.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._break_off)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._let_go()

    def watch(self, event: str, about: Mapping[str, Any]) -> None:
        """Takes note of each connection that httpx makes, through a descriptor of its own: TLS replaces the
        socket.
        """
        if event != CONNECTED:
            return
        connected: socket.socket = about["return_value"].get_extra_info("socket")
        with self._lock:
            self._let_go()
            self._connection = socket.socket(fileno=os.dup(connected.fileno()))
            if self.is_over:
                self._shut_down()

    def _break_off(self) -> None:
        with self._lock:
            self.is_over = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):  # the other side was first
                self._connection.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
