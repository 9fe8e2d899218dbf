"""Fetching is patient with faults that pass, short with those that do not, and polite always."""

from __future__ import annotations

import email.utils
import logging
import shutil
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.download import Downloader, Limits, NotThereError, user_agent
from pipeline.errors import ResourceError, SourceError
from tests.corpus.fetches import IN_HASTE, QUICK, fetch
from tests.corpus.serving import answer, ok, reset, serving


def test_a_file_is_stored_whole_and_never_fetched_again(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a"] = [ok(b"body", 'ETag: "1"')]
        assert fetch(server, "/a", tmp_path) == fetch(server, "/a", tmp_path) == b"body"
    assert server.paths() == ["/a"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_requests_say_who_asks_and_want_nothing_packed(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a"] = [ok(b"body")]
        with Downloader(limits=QUICK, courtesy=Courtesy("me@example.org", 0)) as downloader:
            downloader.fetch(f"{server.url}/a", tmp_path / "file")
    headers = server.requests[0][1]
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"] == user_agent("me@example.org").lower()
    assert "me@example.org" in headers["user-agent"]


def test_faults_that_may_pass_are_tried_again(tmp_path: Path) -> None:
    cut = ok(b"x" * 100)[:-97]
    with serving() as server:
        server.answers["/a"] = [cut, answer("503 Busy", b"", "Retry-After: abc"), ok(b"body")]
        assert fetch(server, "/a", tmp_path) == b"body"
    assert len(server.requests) == 3


def test_the_fifth_try_may_be_the_one(tmp_path: Path) -> None:
    faults = [answer(f"{status} Fault") for status in (500, 502, 503, 504)]
    limits = Limits(max_bytes=100, deadline_seconds=5, wait_seconds=0.001)
    with serving() as server:
        server.answers["/a"] = [*faults, ok(b"body")]
        assert fetch(server, "/a", tmp_path, limits=limits) == b"body"
        server.answers["/a"] = [answer("503 Busy")]
        with pytest.raises(SourceError, match=r"status 503 \(5 tries\)"):
            fetch(server, "/a", tmp_path / "other", limits=limits)


FAULTS = {
    "fewer bytes than promised": ok(b"x" * 100)[:-97],
    "an empty answer": answer("200 OK"),
    "too many requests": answer("429 Slow down", b"", "Retry-After: 0"),
    "chunks that break off": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "nonsense": b"nonsense\r\n\r\n",
    "a header of 1 MB": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**20 + b"\r\n\r\n",
    "10,000 headers": b"HTTP/1.1 200 OK\r\n" + b"X-Header: value\r\n" * 10_000 + b"\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nbody",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody",
    "a part that nobody asked for": answer("206 Partial Content", b"x", "Content-Range: bytes 0-0/9"),
    "a range that is not there": answer("416 Range Not Satisfiable"),
    "nothing": b"",
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_stays_is_one_line_after_the_last_try(fault: bytes, tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a"] = [fault]
        with pytest.raises(SourceError, match=r"/a: .*\(3 tries\); try later") as error:
            fetch(server, "/a", tmp_path)
    assert "\n" not in str(error.value)
    assert len(server.requests) == 3
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_stays_empty_is_no_file(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a"] = [answer("200 OK")]
        with pytest.raises(NotThereError, match="the answer is empty"):
            fetch(server, "/a", tmp_path)


def test_a_connection_that_is_reset_is_made_again(tmp_path: Path) -> None:
    with serving(send=reset) as server:
        server.answers["/a"] = [ok(b"x" * 100)[:-50]]
        with pytest.raises(SourceError, match=r"(Read|RemoteProtocol)Error.*\(3 tries\)"):
            fetch(server, "/a", tmp_path)
    assert len(server.requests) == 3


def test_tls_that_fails_is_tried_again_and_never_left(tmp_path: Path) -> None:
    with serving() as server, Downloader(limits=QUICK, courtesy=IN_HASTE) as downloader:
        server.answers["/a"] = [ok(b"body")]
        with pytest.raises(SourceError, match=r"ConnectError.*\(3 tries\)"):
            downloader.fetch(server.url.replace("http:", "https:") + "/a", tmp_path / "file")
    assert server.requests == []


def test_what_is_not_there_is_asked_for_once(tmp_path: Path) -> None:
    refusals = (
        "404 Not Found",
        "403 Forbidden",
        "410 Gone",
        "401 Unauthorized",
        "204 No Content",
        "302 Found",
    )
    with serving() as server, Downloader(limits=QUICK, courtesy=IN_HASTE) as downloader:
        for status in (
            *refusals,
            "304 Not Modified",
            "300 Multiple Choices",
            "501 Not Implemented",
            "999 Odd",
        ):
            server.answers["/a"] = [answer(status)]
            with pytest.raises(NotThereError, match=rf"/a: status {status[:3]}; check the address"):
                downloader.fetch(f"{server.url}/a", tmp_path / "file")
    assert len(server.requests) == 10


def test_a_file_that_the_disk_has_no_room_for_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=99))
    with serving() as server:
        server.answers["/a"] = [ok(b"x" * 100)]
        with pytest.raises(
            ResourceError, match=r"100 bytes of http.*/a are to come, and 99 are free; make room"
        ):
            fetch(server, "/a", tmp_path)
        server.answers["/a"] = [ok(b"x" * 99)]
        assert fetch(server, "/a", tmp_path) == b"x" * 99


@pytest.mark.parametrize(
    "odd",
    [
        b"HTTP/1.0 200 OK\r\n\r\nbody",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody and more",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 200 \xff\xfe\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: IDENTITY\r\n\r\nbody",
    ],
)
def test_odd_but_lawful_answers_are_understood(odd: bytes, tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a"] = [odd]
        assert fetch(server, "/a", tmp_path) == b"body"


def test_a_server_that_is_not_there_is_a_source_error(tmp_path: Path) -> None:
    with serving() as server:
        pass
    with pytest.raises(SourceError, match="ConnectError"):
        fetch(server, "/a", tmp_path)


def test_too_large_and_packed_answers_are_refused_at_once(tmp_path: Path) -> None:
    endless = b'HTTP/1.1 200 OK\r\nETag: "1"\r\n\r\n' + b"x" * 20_000
    with serving() as server:
        server.answers["/large"] = [ok(b"x" * 10_001)]
        server.answers["/endless"] = [endless]
        server.answers["/packed"] = [ok(b"x", "Content-Encoding: gzip")]
        for path in ("/large", "/endless"):
            with pytest.raises(SourceError, match="more than 10000 bytes"):
                fetch(server, path, tmp_path)
        with pytest.raises(SourceError, match="sent as gzip"):
            fetch(server, "/packed", tmp_path)
    assert server.paths() == ["/large", "/endless", "/packed"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("served", "noted"),
    [
        ("application/octet-stream", "application/octet-stream"),
        ("Text/Plain; charset=utf-8", ""),
        ("", ""),
        ("a\x85b\u202e", r"a\x85b\u202e"),
    ],
)
def test_the_type_that_a_server_claims_is_noted_and_does_not_matter(
    served: str, noted: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pipeline.corpus.download")
    with serving() as server:
        server.answers["/a.txt"] = [ok(b"body", f"Content-Type: {served}")]
        assert fetch(server, "/a.txt", tmp_path) == b"body"
        lines = [f"{server.url}/a.txt: served as {noted}; its bytes decide what it is"] if noted else []
    assert caplog.messages == lines


def test_what_a_name_without_ending_is_no_one_can_doubt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pipeline.corpus.download")
    with serving() as server:
        server.answers["/a"] = [ok(b"body", "Content-Type: application/octet-stream")]
        assert fetch(server, "/a", tmp_path) == b"body"
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("2", 2),
        ("99999", 120),
        ("-1", 1),
        ("abc", 1),
        ("", 1),
        ("9" * 400, 120),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Wed, 21 Oct 99999 07:28:00 GMT", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 120),
        ("a date a minute away", 60),
    ],
)
def test_a_server_is_left_alone_for_as_long_as_it_asks(said: str, waits: float, tmp_path: Path) -> None:
    waited: list[float] = []
    limits = Limits(max_bytes=100, deadline_seconds=5)
    said = email.utils.formatdate(time.time() + 60, usegmt=True) if waits == 60 else said
    with serving() as server, Downloader(limits=limits, courtesy=IN_HASTE, sleep=waited.append) as downloader:
        server.answers["/a"] = [answer("429 Slow down", b"", f"Retry-After: {said}"), ok(b"body")]
        downloader.fetch(f"{server.url}/a", tmp_path / "file")
    assert waited == [pytest.approx(waits, abs=30 if waits == 60 else 0)]


def test_waits_double_from_try_to_try(tmp_path: Path) -> None:
    waited: list[float] = []
    limits = Limits(max_bytes=100, deadline_seconds=5)
    with serving() as server, Downloader(limits=limits, courtesy=IN_HASTE, sleep=waited.append) as downloader:
        server.answers["/a"] = [answer("500 Fault")]
        with pytest.raises(SourceError):
            downloader.fetch(f"{server.url}/a", tmp_path / "file")
    assert waited == [1, 2, 4, 8]


@pytest.mark.parametrize("form", ["headers", "body", "body of no length"])
def test_a_slow_drip_ends_at_the_deadline_wherever_it_drips(form: str, tmp_path: Path) -> None:
    ended = threading.Event()

    def drip(connection: socket.socket, data: bytes) -> None:
        at_once = 0 if form == "headers" else data.index(b"\r\n\r\n") + 4
        connection.sendall(data[:at_once])
        for byte in data[at_once:]:
            connection.sendall(bytes([byte]))
            if ended.wait(0.05):
                return

    whole = ok(b"x" * 10_000, "X-Padding: " + "x" * 10_000)
    if form == "body of no length":
        whole = whole.replace(b"Content-Length: 10000\r\n", b"")
    limits = Limits(max_bytes=20_000, deadline_seconds=0.5)
    started = time.monotonic()
    with serving(send=drip) as server:
        server.answers["/a"] = [whole]
        try:
            with pytest.raises(SourceError, match=r"not whole after 0\.5 s.*\(1 tries\)"):
                fetch(server, "/a", tmp_path, limits=limits)
        finally:
            ended.set()
    assert time.monotonic() - started < 2, "the deadline is that of all tries together"
    assert list(tmp_path.iterdir()) == []


def test_requests_to_one_host_keep_their_distance(tmp_path: Path) -> None:
    with serving() as server, Downloader(limits=QUICK, courtesy=Courtesy("", 0.2)) as downloader:
        server.answers.update({f"/{n}": [ok(b"x")] for n in range(3)})
        started = time.monotonic()
        for number in range(3):
            downloader.fetch(f"{server.url}/{number}", tmp_path / f"{number}")
    assert time.monotonic() - started >= 0.4
