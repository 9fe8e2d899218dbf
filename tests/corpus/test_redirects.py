"""No redirect leads a fetch into a private network, to another scheme or to what is no address."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pipeline.corpus.addresses import ALLOW_LOOPBACK
from pipeline.corpus.download import Downloader
from pipeline.errors import SourceError
from tests.corpus.fetches import IN_HASTE, QUICK, fetch
from tests.corpus.serving import answer, ok, serving

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
