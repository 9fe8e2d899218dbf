"""A transfer that broke off goes on where it did, and two versions never become one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.corpus.download import Downloader
from pipeline.errors import SourceError
from tests.corpus.fetches import IN_HASTE, QUICK, fetch
from tests.corpus.serving import Server, answer, ok, ranged, serving


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
