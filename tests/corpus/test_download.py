"""Fetching is patient with faults that pass, short with those that do not, and polite always."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.download import ALLOW_LOOPBACK, Downloader, Limits, NotThereError, user_agent
from pipeline.errors import SourceError
from tests.corpus.serving import Server, answer, ok, serving

QUICK = Limits(max_bytes=10_000, deadline_seconds=5, attempts=3, wait_seconds=0.01)
IN_HASTE = Courtesy(seconds_between=0)


def fetch(server: Server, path: str, to: Path, *, limits: Limits = QUICK) -> bytes:
    with Downloader(limits=limits, courtesy=IN_HASTE) as downloader:
        downloader.fetch(server.url + path, to / "file")
    return (to / "file").read_bytes()


def test_a_file_is_stored_whole_and_never_fetched_again(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a"] = [ok(b"body")]
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


@pytest.mark.parametrize(
    "fault",
    [
        ok(b"x" * 100)[:-97],
        answer("200 OK"),
        answer("429 Slow down", b"", "Retry-After: 0"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_a_fault_that_stays_is_one_line_after_the_last_try(fault: bytes, tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a"] = [fault]
        with pytest.raises(SourceError, match=r"/a: .*\(3 tries\); try later") as error:
            fetch(server, "/a", tmp_path)
    assert "\n" not in str(error.value)
    assert len(server.requests) == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "410 Gone"])
def test_what_is_not_there_is_asked_for_once(status: str, tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a"] = [answer(status)]
        with pytest.raises(NotThereError, match=status[:3]):
            fetch(server, "/a", tmp_path)
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_a_source_error(tmp_path: Path) -> None:
    with serving() as server:
        pass
    with pytest.raises(SourceError, match="ConnectError"):
        fetch(server, "/a", tmp_path)


def test_too_large_and_packed_answers_are_refused_at_once(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/large"] = [ok(b"x" * 10_001)]
        server.answers["/packed"] = [ok(b"x", "Content-Encoding: gzip")]
        with pytest.raises(SourceError, match="more than 10000 bytes"):
            fetch(server, "/large", tmp_path)
        with pytest.raises(SourceError, match="sent as gzip"):
            fetch(server, "/packed", tmp_path)
    assert server.paths() == ["/large", "/packed"]


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
    limits = Limits(max_bytes=20_000, deadline_seconds=0.5, attempts=1)
    with serving(send=drip) as server:
        server.answers["/a"] = [whole]
        try:
            with pytest.raises(SourceError, match=r"not whole after 0\.5 s"):
                fetch(server, "/a", tmp_path, limits=limits)
        finally:
            ended.set()
    assert list(tmp_path.iterdir()) == []


def test_redirects_are_followed_but_not_into_private_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        for number, target in enumerate(
            ("http://169.254.169.254/", "http://10.0.0.1/", "http://[::1]/", "file:///x")
        ):
            server.answers[f"/{number}"] = [answer("302 Found", b"", f"Location: {target}")]
            with pytest.raises(SourceError, match=r"redirects to .*refused"):
                fetch(server, f"/{number}", tmp_path)
        server.answers["/a"] = [answer("302 Found", b"", "Location: /b")]
        server.answers["/b"] = [ok(b"body")]
        with pytest.raises(SourceError, match=r"private address 127\.0\.0\.1"):
            fetch(server, "/a", tmp_path)
        monkeypatch.setenv(ALLOW_LOOPBACK, "1")
        assert fetch(server, "/a", tmp_path) == b"body"


def test_redirects_in_a_circle_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_LOOPBACK, "1")
    with serving() as server:
        server.answers["/a"] = [answer("301 Moved", b"", "Location: /a")]
        with pytest.raises(SourceError, match="more than 5 redirects"):
            fetch(server, "/a", tmp_path)


def test_requests_to_one_host_keep_their_distance(tmp_path: Path) -> None:
    with serving() as server, Downloader(limits=QUICK, courtesy=Courtesy("", 0.2)) as downloader:
        server.answers.update({f"/{n}": [ok(b"x")] for n in range(3)})
        started = time.monotonic()
        for number in range(3):
            downloader.fetch(f"{server.url}/{number}", tmp_path / f"{number}")
    assert time.monotonic() - started >= 0.4


NO_ADDRESSES = [
    "http://",
    "gopher://example.org/",
    f"http://{'a' * 70}.com/x.xz",
    "http://a..b/x.xz",
    "http://[::1/x.xz",
    "http://xn--a/x.xz",
]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with (
        Downloader(limits=QUICK, courtesy=IN_HASTE) as downloader,
        pytest.raises(SourceError, match="not an address"),
    ):
        downloader.fetch(url, tmp_path / "file")


@pytest.mark.parametrize("url", [url for url in NO_ADDRESSES if url.startswith("http://") and url[7:]])
def test_a_redirect_to_what_is_no_address_is_one_line(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOW_LOOPBACK, "1")
    with serving() as server:
        server.answers["/a"] = [answer("302 Found", b"", f"Location: {url}")]
        with pytest.raises(SourceError, match=r"/a: .*(not an address|Invalid URL)"):
            fetch(server, "/a", tmp_path)
