"""Books come from a folder or, politely, from a mirror; what is around them is cut."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pipeline.corpus.courtesy import CONTACT, SECONDS
from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.sources import gutenberg
from pipeline.errors import DataError, SourceError
from pipeline.records import Document
from pipeline.settings.ingest import GutenbergParams
from tests.corpora import corpora
from tests.corpus.serving import ok, serving

BODY = "\n".join(f"Line {number} of the tale." for number in range(30))


def book(title: str) -> bytes:
    mark = f"PROJECT GUTENBERG EBOOK {title.upper()} ***"
    header = (
        f"Title: {title}\n\nAuthor: A. Writer\n\nLanguage: French\n\nCharacter set encoding: ISO-8859-1\n\n"
    )
    return f"{header}*** START OF THE {mark}\n\n{BODY}\ncafé\n\n*** END OF THE {mark}\n".encode("latin-1")


@pytest.fixture(autouse=True)
def _courtesy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECONDS, "0")
    monkeypatch.setenv(CONTACT, "me@example.org")


def params(*ids: int, mirror: str | None = None) -> GutenbergParams:
    return GutenbergParams(True, mirror, ids, 0.01)


def items(folder: Path, downloads: Path, wanted: GutenbergParams) -> list[Document | Rejected]:
    parts = gutenberg.parts(folder, wanted, downloads=downloads)
    return [item for part in parts.values() for item in gutenberg.read(part)]


def test_local_books_are_read_in_any_of_their_names(tmp_path: Path) -> None:
    for name in ("pg11.txt", "12.txt", "13-8.txt", "13-0.txt", "notes.txt", "index.csv"):
        (tmp_path / name).write_bytes(book(f"Tale {name}"))
    found = items(tmp_path, tmp_path, params())
    assert [item.title for item in found if isinstance(item, Document)] == [
        "Tale pg11.txt",
        "Tale 12.txt",
        "Tale 13-0.txt",
    ]
    assert [item for item in found if isinstance(item, Rejected)] == [
        Rejected("index.csv", "unknown_format"),
        Rejected("notes.txt", "other_name"),
        Rejected("13-8.txt", "other_edition"),
    ]
    assert [item.origin for item in items(tmp_path, tmp_path, params(12))] == ["12"]


def test_a_book_carries_what_its_header_says(tmp_path: Path) -> None:
    (tmp_path / "pg11.txt").write_bytes(book("The Tale"))
    (document,) = items(tmp_path, tmp_path, params())
    assert isinstance(document, Document)
    assert (document.title, document.licence) == ("The Tale", "Public domain in the USA")
    assert document.text == f"{BODY}\ncafé"
    metadata = json.loads(document.metadata)
    assert (metadata["author"], metadata["language"], metadata["encoding"]) == (
        "A. Writer",
        "French",
        "cp1252",
    )
    assert len(metadata["sha256"]) == 64


def test_missing_local_books_are_refused_by_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no book named like pg1342"):
        items(tmp_path, tmp_path, params())
    (tmp_path / "pg11.txt").write_bytes(book("The Tale"))
    with pytest.raises(DataError, match="no file for book 12, 13; take it out"):
        items(tmp_path, tmp_path, params(11, 12, 13))


def test_a_mirror_is_asked_once_for_each_book_in_the_layout_it_has(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/cache/epub/11/pg11.txt"] = [ok(book("Eleven"))]
        server.answers["/1/2/3/4/12345/12345-0.txt"] = [ok(book("Many"))]
        server.answers["/1/2/3/4/12346/12346-0.txt"] = [ok(book("More"))]
        server.answers["/0/5/5.txt"] = [ok(book("Five"))]
        wanted = params(11, 12345, 12346, 5, mirror=f"{server.url}/")
        titles = [item.title for item in items(tmp_path, tmp_path, wanted) if isinstance(item, Document)]
        assert titles == ["Five", "Eleven", "Many", "More"]
        asked = len(server.requests)
        items(tmp_path, tmp_path, wanted)
        assert len(server.requests) == asked
        assert server.paths()[-1] == "/1/2/3/4/12346/12346-0.txt"
        assert "me@example.org" in server.requests[0][1]["user-agent"]


def test_a_book_the_mirror_does_not_have_is_one_clear_line(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/cache/epub/11/pg11.txt"] = [ok(book("Eleven"))]
        with pytest.raises(
            SourceError, match=r"has no file with .* of book 12; take it out of ingest\.gutenberg\.ids"
        ):
            items(tmp_path, tmp_path, params(11, 12, mirror=server.url))


def test_a_page_that_is_no_book_is_not_kept_and_the_next_layout_is_asked(tmp_path: Path) -> None:
    page = ok(b"<!DOCTYPE html><title>Project Gutenberg mirror</title>Not found")
    with serving() as server:
        server.answers["/cache/epub/11/pg11.txt"] = [page]
        server.answers["/1/11/11-0.txt"] = [ok(book("Eleven"))]
        server.answers["/1/12/12-0.txt"] = [ok(book("Twelve"))]
        (first, second) = items(tmp_path, tmp_path, params(11, 12, mirror=server.url))
        assert (first.origin, second.origin) == ("11", "12")
        assert isinstance(first, Document)
        assert first.title == "Eleven"
        assert server.paths()[-1] == "/1/12/12-0.txt"
        server.answers["/1/13/13.txt"] = [page]
        with pytest.raises(
            SourceError, match="has no file with Project Gutenberg's marks of book 13; take it out"
        ):
            items(tmp_path, tmp_path, params(13, mirror=server.url))
    assert sorted(path.name for path in (tmp_path / "gutenberg").iterdir()) == ["pg11.txt", "pg12.txt"]


def test_a_mirror_needs_the_ids_of_the_books() -> None:
    assert list(params(mirror="http://example.org").problems()) != []
    assert list(params(11, mirror="http://example.org").problems()) == list(params().problems()) == []


def test_real_books_are_cut_and_protected_ones_dropped() -> None:
    folder = corpora("gutenberg")
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        index = {row["id"]: row for row in csv.DictReader(file)}
    found = {item.origin: item for item in items(folder, folder, params(*map(int, index)))}
    dropped = {origin: item.reason for origin, item in found.items() if isinstance(item, Rejected)}
    protected = {number for number, row in index.items() if row["rights"] != "public-domain-us"}
    assert dropped == {"2542": "no_markers", **dict.fromkeys(sorted(protected), "rights_reserved")}
    for origin, item in found.items():
        if isinstance(item, Document):
            assert "project gutenberg license" not in item.text.lower(), origin
            assert "small print" not in item.text.lower(), origin
            assert len(item.text) > 0.45 * int(index[origin]["bytes"]), origin
            assert json.loads(item.metadata)["language"] in {"", index[origin]["language"]}, origin
