"""A web server on this machine whose answers a test writes down beforehand."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Answer = bytes | Callable[[dict[str, str]], bytes]  # raw bytes, or what makes them from the request's headers


@dataclass(slots=True)
class Server:
    """Answers by path, one after the other, the last one for ever; and what was asked, in small letters."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
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


def ranged(body: bytes, validator: str = 'ETag: "1"') -> Answer:
    """What sends the body, or the part that is asked for of just this version."""

    def made(headers: dict[str, str]) -> bytes:
        start = headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        if not start or headers.get("if-range") != validator.partition(": ")[2].lower():
            return ok(body, validator)
        whole = f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}"
        return answer("206 Partial Content", body[int(start) :], whole, validator)

    return made


def reset(connection: socket.socket, data: bytes) -> None:
    """Sends the data and breaks the connection off with a reset."""
    connection.sendall(data)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


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
            # a handshake of TLS starts with 0x16: this server has none
            while (
                b"\r\n\r\n" not in head
                and not head.startswith(b"\x16")
                and (received := connection.recv(65536))
            ):
                head += received
            if b"\r\n\r\n" not in head:
                continue  # the other side has gone
            first, *lines = head.decode("latin-1").split("\r\n")
            path = first.split(" ")[1]
            headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
            server.requests.append((path, headers))
            waiting = server.answers.get(path, [answer("404 Not Found")])
            chosen = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            send(connection, chosen if isinstance(chosen, bytes) else chosen(headers))
