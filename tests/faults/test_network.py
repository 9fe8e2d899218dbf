"""Servers that stall, drip, lie and burst: whatever they do, it ends in time, with one line or all bytes."""

from __future__ import annotations

import gzip
import hashlib
import random
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.corpus import download
from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.download import Downloader, Limits
from pipeline.corpus.pins import PINS, Pin, write_pins
from pipeline.errors import SourceError
from tests.corpus.serving import Answer, answer, ok, ranged, reset, serving
from tests.faults.ingesting import book, ingest

IN_HASTE = Courtesy(seconds_between=0)
SECONDS = 4.0
pytestmark = pytest.mark.faults

Send = Callable[[socket.socket, bytes], None]


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """Set when the test is over, for servers that would go on for ever."""
    event = threading.Event()
    yield event
    event.set()


def dripping(ended: threading.Event, behind: bytes) -> Send:
    """A byte every half second, once what ends in `behind` was sent."""

    def send(connection: socket.socket, data: bytes) -> None:
        at_once = data.index(behind) + len(behind) if behind else 0
        connection.sendall(data[:at_once])
        for byte in data[at_once:]:
            connection.sendall(bytes([byte]))
            if ended.wait(0.5):
                return

    return send


def stalling(ended: threading.Event, behind: bytes) -> Send:
    """Nothing more, once what ends in `behind` was sent."""

    def send(connection: socket.socket, data: bytes) -> None:
        connection.sendall(data[: data.index(behind) + len(behind) if behind else 0])
        ended.wait()

    return send


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100
ENDLESS_HEADERS = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000


@pytest.mark.parametrize("how", [dripping, stalling])
@pytest.mark.parametrize(
    ("data", "behind"),
    [
        (ok(b"x" * 1000), b""),
        (ok(b"x" * 1000), b"200 OK\r\n"),
        (ok(b"x" * 1000), b"\r\n\r\n"),
        (ok(b"x" * 1000), b"\r\n\r\nxxx"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000, b"\r\n\r\nx"),
        (CHUNKED, b"\r\n\r\n1\r\n"),
        (ENDLESS_HEADERS, b"X: y\r\n"),
        (answer("302 Found", b"", "Location: /a", "X: " + "x" * 1000), b"Location: /a"),
    ],
    ids=[
        "status",
        "headers",
        "body",
        "in the body",
        "body of no length",
        "chunk",
        "headers for ever",
        "redirect",
    ],
)
def test_slowness_ends_at_the_deadline(
    how: Callable[[threading.Event, bytes], Send],
    data: bytes,
    behind: bytes,
    ended: threading.Event,
    tmp_path: Path,
) -> None:
    limits = Limits(max_bytes=10_000, deadline_seconds=SECONDS)
    started = time.monotonic()
    with (
        serving(send=how(ended, behind)) as server,
        Downloader(limits=limits, courtesy=IN_HASTE) as downloader,
    ):
        server.answers["/a"] = [data]
        with pytest.raises(SourceError, match=r"not whole after 4 s"):
            downloader.fetch(f"{server.url}/a", tmp_path / "file")
    assert SECONDS - 0.1 < time.monotonic() - started < SECONDS + 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_never_speaks_is_left(scheme: str, tmp_path: Path) -> None:
    """It accepts connections, and nothing more: also the handshake of TLS has an end."""
    limits = Limits(max_bytes=10_000, deadline_seconds=SECONDS)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Downloader(limits=limits, courtesy=IN_HASTE) as downloader,
    ):
        started = time.monotonic()
        with pytest.raises(SourceError, match="not whole after 4 s"):
            downloader.fetch(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/a", tmp_path / "file")
        assert time.monotonic() - started < SECONDS + 2


def test_a_stall_is_noticed_before_the_deadline_and_tried_again(
    ended: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT_SECONDS", 1.0)
    body = b"x" * 1000
    limits = Limits(max_bytes=10_000, deadline_seconds=60, wait_seconds=0.01)
    stall = stalling(ended, b"\r\n\r\nxxx")
    with serving(
        send=lambda connection, data: connection.sendall(data) if b"206 " in data else stall(connection, data)
    ) as server:
        server.answers["/a"] = [ranged(body)]
        started = time.monotonic()
        with Downloader(limits=limits, courtesy=IN_HASTE) as downloader:
            downloader.fetch(f"{server.url}/a", tmp_path / "file")
        assert time.monotonic() - started < 5
    assert (tmp_path / "file").read_bytes() == body
    assert server.requests[1][1]["range"] == "bytes=3-"


def test_a_server_that_asks_for_two_seconds_gets_them(tmp_path: Path) -> None:
    limits = Limits(max_bytes=10_000, deadline_seconds=1, wait_seconds=0.01)
    with serving() as server, Downloader(limits=limits, courtesy=IN_HASTE) as downloader:
        server.answers["/a"] = [answer("503 Busy", b"", "Retry-After: 2"), ok(b"body")]
        started = time.monotonic()
        downloader.fetch(f"{server.url}/a", tmp_path / "file")
        assert 2 <= time.monotonic() - started < 4, "and they are not taken from the deadline"


def test_bursting_and_endless_bodies_cost_neither_memory_nor_disk(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    endless = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"100000\r\n%b\r\n" % bytes(2**20) * 64
    )
    limits = Limits(max_bytes=10_000_000, deadline_seconds=60)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving() as server, Downloader(limits=limits, courtesy=IN_HASTE) as downloader:
        server.answers["/bomb"] = [ok(bomb, "Content-Encoding: gzip")]
        server.answers["/endless"] = [endless]
        server.answers["/lying"] = [
            ok(b"x", "Content-Range: bytes 0-0/1").replace(b"Length: 1", b"Length: 99999999999")
        ]
        for path, said in (
            ("bomb", "sent as gzip"),
            ("endless", "more than 10000000"),
            ("lying", "more than"),
        ):
            with pytest.raises(SourceError, match=said):
                downloader.fetch(f"{server.url}/{path}", tmp_path / path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kilobytes"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_breaks_at_every_turn_still_comes_whole(tmp_path: Path) -> None:
    """Forty breaks of two kinds at random places, each gone on from."""
    chance, body = random.Random(1), random.Random(2).randbytes(3_000_000)
    limits = Limits(max_bytes=10_000_000, deadline_seconds=60, attempts=100, wait_seconds=0)
    made = ranged(body)
    assert not isinstance(made, bytes)

    def broken(headers: dict[str, str]) -> bytes:
        whole = made(headers)
        head = whole.index(b"\r\n\r\n") + 4
        return whole[: head + chance.randrange(len(whole) - head + 1) // 8]

    answers: list[Answer] = [broken] * 40
    sends = (socket.socket.sendall, reset)
    with serving(send=lambda connection, data: chance.choice(sends)(connection, data)) as server:
        server.answers["/a"] = [*answers, made]
        with Downloader(limits=limits, courtesy=IN_HASTE) as downloader:
            downloader.fetch(f"{server.url}/a", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == body
    starts = [int(headers.get("range", "bytes=0-")[6:-1]) for _, headers in server.requests]
    assert starts == sorted(starts), "nothing that came is fetched again"


def test_answers_damaged_at_random_are_one_line_or_the_right_bytes(tmp_path: Path) -> None:
    chance = random.Random(3)
    limits = Limits(max_bytes=10_000, deadline_seconds=2, attempts=1)
    templates = [
        ok(b"x" * 300, 'ETag: "1"', "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"),
        CHUNKED + b"0\r\n\r\n",
        answer("302 Found", b"", "Location: http://127.0.0.1/b"),
        answer("206 Partial Content", b"x" * 100, "Content-Range: bytes 0-99/100"),
        answer("429 Slow down", b"", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"),
    ]
    with serving() as server, Downloader(limits=limits, courtesy=IN_HASTE) as downloader:
        for number in range(1500):
            data = bytearray(chance.choice(templates))
            for _ in range(chance.randrange(1, 8)):
                place = chance.randrange(len(data))
                if chance.random() < 0.3:
                    del data[place : place + chance.randrange(20)]
                else:
                    data[place:place] = chance.choice([b"\r\n", b"\0", b"\xff", b"-1", b":", b" ", b"9" * 30])
                data = data or bytearray(b"x")
            server.answers["/a"] = [bytes(data)]
            path = tmp_path / f"{number}"
            said = fault_of(downloader, f"{server.url}/a", path)
            assert len(said.splitlines()) == (not path.exists()), data


def fault_of(downloader: Downloader, url: str, path: Path) -> str:
    """Fetches the file; what is said when it cannot be had, nothing when it can."""
    try:
        downloader.fetch(url, path)
    except SourceError as error:
        return str(error)
    return ""


def test_the_stage_ends_with_the_code_that_says_what_to_do(tmp_path: Path) -> None:
    with serving() as server:
        address, body = f"{server.url}/cache/epub/11/pg11.txt", book()
        server.answers["/cache/epub/11/pg11.txt"] = [ok(body)]
        server.answers["/cache/epub/12/pg12.txt"] = [ok(b"<!DOCTYPE html><title>Not found</title>")]
        server.answers["/cache/epub/13/pg13.txt"] = [answer("503 Busy", b"", "Retry-After: 0")]

        code, said = ingest(tmp_path, server.url, 11, 12)
        assert (code, said.count("\n")) == (4, 1), said
        assert "of book 12; take them out" in said
        assert ingest(tmp_path, server.url, 11, 12, max_missing=1)[0] == 0
        assert server.paths().count("/cache/epub/11/pg11.txt") == 1

        code, said = ingest(tmp_path, server.url, 11, 13, max_missing=1)
        assert (code, server.paths().count("/cache/epub/13/pg13.txt")) == (4, 5)
        assert "status 503 (5 tries); try later" in said

        flipped = body.replace(b"Line 7", b"Line 8")
        write_pins(tmp_path / PINS, {address: Pin(len(flipped), hashlib.sha256(flipped).hexdigest())})
        code, said = ingest(tmp_path, server.url, 11)
        assert (code, said.count("\n")) == (6, 1), said
        for told in (address, hashlib.sha256(flipped).hexdigest(), hashlib.sha256(body).hexdigest()):
            assert told in said

        (tmp_path / PINS).write_text("<<<<<<< ours\n")
        assert ingest(tmp_path, server.url, 11)[0] == 3
    write_pins(tmp_path / PINS, {})
    code, said = ingest(tmp_path, server.url, 14)
    assert (code, "ConnectError" in said) == (4, True)
