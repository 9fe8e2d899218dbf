"""Every fetched file is stored once, under its hash, and is what it is pinned to be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.download import Downloader, Limits, NotThereError
from pipeline.corpus.entries import entry_of, forget, place_of
from pipeline.corpus.fetched import Fetched, fetched_files
from pipeline.corpus.pins import Pin
from pipeline.corpus.store import Store
from pipeline.errors import BusyError, IntegrityError, SourceError
from pipeline.locks import holding
from tests.corpus.serving import Server, ok, serving

LIMITS = Limits(max_bytes=10_000, deadline_seconds=0.3, attempts=2, wait_seconds=0.01)
BODY, OTHER = b"a body", b"A body"


def pin(body: bytes) -> Pin:
    return Pin(len(body), hashlib.sha256(body).hexdigest())


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.answers["/a.txt"] = [ok(BODY)]
        yield server


def get(folder: Path, url: str, pins: Mapping[str, Pin] | None = None) -> Path:
    with Downloader(limits=LIMITS, courtesy=Courtesy(seconds_between=0)) as downloader:
        return Store(folder, downloader, limits=LIMITS, pins=pins or {}).get(url)


def objects(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.glob("objects/*/*"))


def test_one_file_from_two_addresses_is_stored_once(server: Server, tmp_path: Path) -> None:
    server.answers["/mirror/b.parquet"] = [ok(BODY)]
    first, second = get(tmp_path, f"{server.url}/a.txt"), get(tmp_path, f"{server.url}/mirror/b.parquet")
    assert (first.name, second.name) == ("a.txt", "b.parquet")
    assert first.read_bytes() == second.read_bytes() == BODY
    assert first.samefile(second)
    (stored,) = tmp_path.glob("objects/*/*")
    assert stored.name == pin(BODY).sha256
    assert stored.stat().st_mode & 0o222 == 0, "nobody writes to it by mistake"
    assert get(tmp_path, f"{server.url}/a.txt") == first
    assert server.paths() == ["/a.txt", "/mirror/b.parquet"]


def test_the_store_may_be_moved(server: Server, tmp_path: Path) -> None:
    get(tmp_path / "one", f"{server.url}/a.txt")
    os.rename(tmp_path / "one", tmp_path / "two")
    assert get(tmp_path / "two", f"{server.url}/a.txt").read_bytes() == BODY
    assert len(server.requests) == 1


def test_what_is_fetched_is_told_with_address_size_and_hash(server: Server, tmp_path: Path) -> None:
    class Part:
        paths = (get(tmp_path, f"{server.url}/a.txt"), Path(__file__))

    url = f"{server.url}/a.txt"
    expected = Fetched(url, len(BODY), pin(BODY).sha256, pinned=False)
    assert fetched_files({"part": Part}, tmp_path, {}) == [expected]
    (told,) = fetched_files({"part": Part}, tmp_path, {url: pin(BODY)})
    assert told.pinned


def test_another_file_than_is_pinned_is_refused_with_both_hashes(server: Server, tmp_path: Path) -> None:
    url = f"{server.url}/a.txt"
    with pytest.raises(IntegrityError) as error:
        get(tmp_path, url, {url: pin(OTHER)})
    for said in (url, pin(BODY).sha256, pin(OTHER).sha256, "data/sources.lock", "make lock-sources RENEW="):
        assert said in str(error.value)
    assert objects(tmp_path) == []
    server.answers["/a.txt"] = [ok(OTHER)]
    assert get(tmp_path, url, {url: pin(OTHER)}).read_bytes() == OTHER


def test_a_body_that_is_cut_without_a_sign_is_no_other_file(server: Server, tmp_path: Path) -> None:
    server.answers["/cut"] = [b"HTTP/1.1 200 OK\r\n\r\n" + BODY[:3]]
    url = f"{server.url}/cut"
    with pytest.raises(SourceError, match=r"3 of 6 bytes came \(2 tries\)"):
        get(tmp_path, url, {url: pin(BODY)})


def test_a_changed_pin_brings_another_file(server: Server, tmp_path: Path) -> None:
    url = f"{server.url}/a.txt"
    get(tmp_path, url)
    server.answers["/a.txt"] = [ok(OTHER)]
    assert get(tmp_path, url, {url: pin(OTHER)}).read_bytes() == OTHER
    assert get(tmp_path, url, {url: pin(BODY)}).read_bytes() == BODY, "it is still there"
    assert len(server.requests) == 2
    assert objects(tmp_path) == [OTHER, BODY]


def test_what_another_address_brought_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    get(tmp_path, f"{server.url}/a.txt")
    url = f"{server.url}/elsewhere/a.txt"
    assert get(tmp_path, url, {url: pin(BODY)}).read_bytes() == BODY
    assert server.paths() == ["/a.txt"]


def test_what_is_not_what_was_asked_for_is_not_kept(server: Server, tmp_path: Path) -> None:
    with Downloader(limits=LIMITS, courtesy=Courtesy(seconds_between=0)) as downloader:
        store = Store(tmp_path, downloader, limits=LIMITS, pins={})
        with pytest.raises(NotThereError, match="something else than was asked for"):
            store.get(f"{server.url}/a.txt", accept=lambda path: path.read_bytes() != BODY)
        assert not store.is_expected(f"{server.url}/a.txt")
        assert store.get(f"{server.url}/a.txt", accept=lambda path: True).read_bytes() == BODY
        assert store.is_expected(f"{server.url}/a.txt")
    assert objects(tmp_path) == [BODY]


@pytest.mark.parametrize("damage", [b"another", OTHER, b""])
def test_a_damaged_object_is_named_and_fetched_anew_when_it_is_removed(
    damage: bytes, server: Server, tmp_path: Path
) -> None:
    url = f"{server.url}/a.txt"
    get(tmp_path, url)
    (stored,) = tmp_path.glob("objects/*/*")
    stored.chmod(0o644)
    stored.write_bytes(damage)
    with pytest.raises(IntegrityError, match=rf"{stored.name}: is not the 6 bytes .*remove it to fetch"):
        get(tmp_path, url)
    stored.unlink()
    assert get(tmp_path, url).read_bytes() == BODY


@pytest.mark.parametrize("damage", ["entry", "link", "link elsewhere"])
def test_a_damaged_index_mends_itself(damage: str, server: Server, tmp_path: Path) -> None:
    place = get(tmp_path, f"{server.url}/a.txt")
    if damage == "entry":
        (place.parent / "entry.json").write_bytes(b"[]")
    else:
        place.unlink()
    if damage == "link elsewhere":
        place.symlink_to("/nowhere")
    assert get(tmp_path, f"{server.url}/a.txt").read_bytes() == BODY
    assert len(server.requests) == (2 if damage == "entry" else 1)


def test_a_file_that_came_before_a_kill_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    """The moments after the transfer: it lies at its address, with or without its entry."""
    url = f"{server.url}/a.txt"
    place = place_of(url, tmp_path)
    place.parent.mkdir(parents=True)
    (place.parent / "fetched").write_bytes(BODY)
    assert get(tmp_path, url).read_bytes() == BODY
    (stored,) = tmp_path.glob("objects/*/*")
    stored.rename(place.parent / "fetched")
    place.unlink()
    assert get(tmp_path, url).read_bytes() == BODY
    assert server.requests == []


def test_only_one_process_fetches_an_address(server: Server, tmp_path: Path) -> None:
    url = f"{server.url}/a.txt"
    with (
        holding(place_of(url, tmp_path).parent / "lock", wait_seconds=0, busy=""),
        pytest.raises(BusyError, match="another process is fetching it"),
    ):
        get(tmp_path, url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://example.org/pg11.txt?x=/y.xz", "pg11.txt"),
        ("http://example.org/", "file"),
        ("http://example.org", "file"),
        ("http://example.org/..", "file"),
        ("http://example.org/.hidden", "file"),
        ("http://example.org/entry.json", "file"),
        ("http://example.org/lock", "file"),
        ("http://example.org/fetched", "file"),
        ("http://example.org/a%2f..%2fb", "file"),
        ("http://example.org/ä", "file"),
        (f"http://example.org/{'x' * 300}.txt", "file"),
        ("http://[::1/x.xz", "file"),
    ],
)
def test_a_name_is_taken_over_when_it_is_plain(url: str, name: str, tmp_path: Path) -> None:
    place = place_of(url, tmp_path)
    assert place.name == name
    assert len(place.relative_to(tmp_path).parts) == 4


def test_forgotten_addresses_are_asked_anew(server: Server, tmp_path: Path) -> None:
    server.answers["/b.txt"] = [ok(BODY)]
    for name in ("a.txt", "b.txt"):
        get(tmp_path, f"{server.url}/{name}")
    assert forget(tmp_path, f"{server.url}/a") == 1
    assert forget(tmp_path, "http://elsewhere/") == 0
    assert entry_of(place_of(f"{server.url}/a.txt", tmp_path)) is None
    server.answers["/a.txt"] = [ok(OTHER)]
    assert get(tmp_path, f"{server.url}/a.txt").read_bytes() == OTHER
    assert get(tmp_path, f"{server.url}/b.txt").read_bytes() == BODY
