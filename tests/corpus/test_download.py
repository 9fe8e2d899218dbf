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

from pipeline.corpus.addresses import ALLOW_LOOPBACK
from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.download import Downloader, Limits, NotThereError, user_agent
from pipeline.errors import ResourceError, SourceError
from tests.corpus.serving import Server, answer, ok, ranged, reset, serving

QUICK = Limits(max_bytes=10_000, deadline_seconds=5, attempts=3, wait_seconds=0.01)
IN_HASTE = Courtesy(seconds_between=0)


def fetch(server: Server, path: str, to: Path, *, limits: Limits = QUICK) -> bytes:
    with Downloader(limits=limits, courtesy=IN_HASTE) as downloader:
        downloader.fetch(server.url + path, to / "file")
    return (to / "file").read_bytes()


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


PRIVATE = [
    "http://127.0.0.1/",
    "http://169.254.169.254/",
    "http://10.0.0.1/",
    "http://192.168.1.1:8080/",
    "http://100.64.0.1/",
    "http://0.0.0.0/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://224.0.0.1/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:a00:1::]/",
    "http://[fd00::1]/",
    "http://localhost/",
    "//127.0.0.1/",
]


def test_a_redirect_into_a_private_network_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with serving() as server, Downloader(limits=QUICK, courtesy=IN_HASTE) as downloader:
        for target in PRIVATE:
            server.answers["/a"] = [answer("302 Found", b"", f"Location: {target}")]
            with pytest.raises(SourceError, match=r"is a redirect to the private address .*refused"):
                downloader.fetch(f"{server.url}/a", tmp_path / "file")
    assert server.paths() == ["/a"] * len(PRIVATE)
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_to_another_scheme_is_refused(tmp_path: Path) -> None:
    with serving() as server, Downloader(limits=QUICK, courtesy=IN_HASTE) as downloader:
        for target in ("file:///etc/passwd", "ftp://example.org/a", "data:,x", "javascript:1"):
            server.answers["/a"] = [answer("302 Found", b"", f"Location: {target}")]
            with pytest.raises(SourceError, match=r"/a: (redirects to .*refused|.*not an address)"):
                downloader.fetch(f"{server.url}/a", tmp_path / "file")


def test_a_name_that_leads_elsewhere_once_it_was_looked_at_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name whose address changes between the look and the connection."""
    looks = iter([[(0, 0, 0, "", ("93.184.216.34", 0))]])
    real = socket.getaddrinfo

    def rebinding(host: object, *rest: object, **more: object) -> object:
        if host == "rebinding.example":
            return next(looks, None) or real("127.0.0.1", *rest, **more)  # type: ignore[call-overload]
        return real(host, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with serving() as server:
        port = server.url.rpartition(":")[2]
        server.answers["/a"] = [answer("302 Found", b"", f"Location: http://rebinding.example:{port}/b")]
        server.answers["/b"] = [ok(b"secret")]
        with pytest.raises(SourceError, match=r"redirect to the private address 127\.0\.0\.1"):
            fetch(server, "/a", tmp_path)
    assert server.paths() == ["/a"]


def test_redirects_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_LOOPBACK, "1")
    with serving() as server:
        server.answers["/a"] = [answer("302 Found", b"", "Location: /b")]
        server.answers["/b"] = [ok(b"body")]
        assert fetch(server, "/a", tmp_path) == b"body"
        server.answers["/circle"] = [answer("301 Moved", b"", "Location: /circle")]
        with pytest.raises(SourceError, match="more than 5 redirects"):
            fetch(server, "/circle", tmp_path / "circle")


def hold_at(folder: Path, server: Server, body: bytes, bytes_held: int) -> None:
    """Leaves a part of the file in the folder, as a connection does that breaks."""
    whole = ok(body, 'ETag: "1"')
    server.answers["/a"] = [whole[: len(whole) - len(body) + bytes_held]]
    with pytest.raises(SourceError):
        fetch(server, "/a", folder)
    server.requests.clear()


def test_a_broken_transfer_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    body = bytes(range(256)) * 4
    with serving() as server:
        hold_at(tmp_path, server, body, 300)
        server.answers["/a"] = [ranged(body)]
        assert fetch(server, "/a", tmp_path) == body
    ((_, headers),) = server.requests
    assert (headers["range"], headers["if-range"]) == ("bytes=300-", '"1"')
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_date_names_a_version_where_no_etag_does(tmp_path: Path) -> None:
    body, date = b"0123456789" * 20, "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"
    cut = ok(body, date, 'ETag: W/"weak"')[:-50]
    with serving() as server:
        server.answers["/a"] = [cut, ranged(body, date)]
        assert fetch(server, "/a", tmp_path) == body
    assert server.requests[1][1]["range"] == "bytes=150-"


def test_what_has_no_version_starts_over(tmp_path: Path) -> None:
    body = b"0123456789" * 20
    with serving() as server:
        server.answers["/a"] = [ok(body, 'ETag: W/"weak"')[:-50], ok(body)]
        assert fetch(server, "/a", tmp_path) == body
    assert "range" not in server.requests[1][1]


ODD_PARTS = {
    "of another version": answer("206 Partial", b"y" * 50, "Content-Range: bytes 50-99/100", 'ETag: "2"'),
    "of another size": answer("206 Partial", b"y" * 50, "Content-Range: bytes 50-99/101", 'ETag: "1"'),
    "from another place": answer("206 Partial", b"y" * 60, "Content-Range: bytes 40-99/100", 'ETag: "1"'),
    "longer than it says": answer("206 Partial", b"y" * 60, "Content-Range: bytes 50-99/100", 'ETag: "1"'),
    "without a place": answer("206 Partial", b"y" * 50, 'ETag: "1"'),
    "of nothing": answer("416 Range Not Satisfiable", b"", "Content-Range: bytes */20"),
    "changed, so all of it": ok(b"n" * 100, 'ETag: "2"'),
    "ranges unknown, so all of it": ok(b"n" * 100),
}


@pytest.mark.parametrize("odd", ODD_PARTS.values(), ids=ODD_PARTS)
def test_two_versions_never_become_one_file(odd: bytes, tmp_path: Path) -> None:
    with serving() as server:
        hold_at(tmp_path, server, b"x" * 100, 50)
        server.answers["/a"] = [odd, ok(b"n" * 100, 'ETag: "2"')]
        assert fetch(server, "/a", tmp_path) == b"n" * 100


def test_a_part_that_is_shorter_than_the_rest_is_gone_on_from(tmp_path: Path) -> None:
    body = bytes(range(200))
    first = answer("206 Partial", body[50:120], "Content-Range: bytes 50-119/200", 'ETag: "1"')
    with serving() as server:
        hold_at(tmp_path, server, body, 50)
        server.answers["/a"] = [first, ranged(body)]
        assert fetch(server, "/a", tmp_path) == body
    assert server.requests[1][1]["range"] == "bytes=120-"


@pytest.mark.parametrize("damage", ["note", "bytes", "other address"])
def test_a_damaged_part_is_fetched_anew(damage: str, tmp_path: Path) -> None:
    body = bytes(range(256))
    with serving() as server:
        hold_at(tmp_path, server, body, 99)
        if damage == "note":
            (tmp_path / ".file.part.json").write_bytes(b"{}")
        elif damage == "bytes":
            (tmp_path / ".file.part").write_bytes(body[:98])
        path = "/b" if damage == "other address" else "/a"
        server.answers[path] = [ranged(body)]
        assert fetch(server, path, tmp_path) == body
    assert "range" not in server.requests[0][1]


def test_a_part_that_is_already_whole_needs_no_request(tmp_path: Path) -> None:
    body = b"x" * 100
    with serving() as server:
        hold_at(tmp_path, server, body, 60)
        (tmp_path / ".file.part").write_bytes(body)
        note = (tmp_path / ".file.part.json").read_text()
        (tmp_path / ".file.part.json").write_text(note.replace('"bytes": 60', '"bytes": 100'))
        assert fetch(server, "/a", tmp_path) == body
    assert server.requests == []


def test_a_body_without_a_length_is_cut_when_it_is_shorter_than_expected(tmp_path: Path) -> None:
    body = b"0123456789"
    with serving() as server, Downloader(limits=QUICK, courtesy=IN_HASTE) as downloader:
        server.answers["/a"] = [b"HTTP/1.1 200 OK\r\n\r\n" + body[:5], b"HTTP/1.1 200 OK\r\n\r\n" + body]
        downloader.fetch(f"{server.url}/a", tmp_path / "file", expected_bytes=10)
        server.answers["/b"] = [b"HTTP/1.1 200 OK\r\n\r\n" + body[:5]]
        with pytest.raises(SourceError, match=r"5 of 10 bytes came \(3 tries\)"):
            downloader.fetch(f"{server.url}/b", tmp_path / "other", expected_bytes=10)
    assert (tmp_path / "file").read_bytes() == body


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
