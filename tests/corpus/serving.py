"""A web server on this machine whose answers a test writes down beforehand."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Server:
    """Answers by path, raw bytes to send, one after the other, the last one for ever; and what was asked."""

    url: str = ""
    answers: dict[str, list[bytes]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [path for path, _ in self.requests]


def ok(body: bytes, *headers: str) -> bytes:
    """A whole answer with status 200."""
    return answer("200 OK", body, *headers)


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An answer with its length, after which the connection ends."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextlib.contextmanager
def serving(*, send: Callable[[socket.socket, bytes], None] = socket.socket.sendall) -> Iterator[Server]:
    """A server on 127.0.0.1 for the length of the block; an unknown path is answered with 404."""
    server = Server()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=_answer_all, args=(listener, server, send), daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


def _answer_all(
    listener: socket.socket, server: Server, send: Callable[[socket.socket, bytes], None]
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (received := connection.recv(65536)):
                head += received
            if b"\r\n\r\n" not in head:
                continue  # the other side has gone
            first, *lines = head.decode("latin-1").split("\r\n")
            path = first.split(" ")[1]
            headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
            server.requests.append((path, headers))
            waiting = server.answers.get(path, [answer("404 Not Found")])
            send(connection, waiting.pop(0) if len(waiting) > 1 else waiting[0])
