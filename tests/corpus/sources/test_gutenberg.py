"""Books come from a folder or, politely, from a mirror; what is around them is cut."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from pathlib import Path

import pytest

from pipeline.corpus import gutenberg_mirror
from pipeline.corpus.courtesy import CONTACT, SECONDS
from pipeline.corpus.download import Limits
from pipeline.corpus.fetched import fetched_files
from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.pins import PINS, Pin, write_pins
from pipeline.corpus.sources import gutenberg
from pipeline.errors import DataError, IntegrityError, SourceError
from pipeline.records import Document
from pipeline.settings.ingest import GutenbergCatalogueParams, GutenbergParams
from tests.corpora import corpora
from tests.corpus.serving import answer, ok, serving

MIRROR = "https://gutenberg.example/mirror"
QUICK = Limits(max_bytes=1_000_000, deadline_seconds=5, attempts=2, wait_seconds=0.01)
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


ALL = GutenbergCatalogueParams(False, (), (), (), 100)


def params(
    *ids: int, mirror: str | None = None, max_missing: int = 0, catalogue: GutenbergCatalogueParams = ALL
) -> GutenbergParams:
    return GutenbergParams(True, mirror, ids, catalogue, max_missing, 0.01)


def asking(*languages: str, limit: int = 100) -> GutenbergCatalogueParams:
    """The catalogue as the one that chooses."""
    return GutenbergCatalogueParams(True, languages, (), (), limit)


def catalogue_of(*rows: tuple[int, str]) -> bytes:
    """A catalogue of books, each a number and a language."""
    lines = [f"{number},Text,2004,Title,{language},Writer,Fiction,PR,Novels" for number, language in rows]
    header = "Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves"
    return "\r\n".join([header, *lines, ""]).encode()


def items(folder: Path, downloads: Path, wanted: GutenbergParams) -> list[Document | Rejected]:
    parts = gutenberg.parts(folder, wanted, downloads=downloads)
    return [item for part in parts.values() for item in gutenberg.read(part)]


def test_local_books_are_read_in_any_of_their_names(tmp_path: Path) -> None:
    for name in ("pg11.txt", "12.txt", "13-8.txt", "13-0.txt", "notes.txt", "index.csv", "pg_catalog.csv"):
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


def test_a_copy_of_a_mirror_is_read_in_both_layouts_and_its_best_editions(tmp_path: Path) -> None:
    for name in (
        "cache/epub/11/pg11.txt",
        "1/11/11-0.txt",
        "0/5/5.txt",
        "1/2/3/4/12345/12345.txt",
        "1/2/3/4/12345/12345-8.txt",
        "1/2/3/4/12345/old/12345-0.txt",
        "1/2/3/4/12346/old/12346.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(book(f"Tale {name}"))
    found = items(tmp_path, tmp_path, params())
    assert [item.title.split()[1] for item in found if isinstance(item, Document)] == [
        "0/5/5.txt",
        "cache/epub/11/pg11.txt",
        "1/2/3/4/12345/12345-8.txt",
        "1/2/3/4/12346/old/12346.txt",
    ]
    assert sorted(item.origin for item in found if isinstance(item, Rejected)) == [
        "1/11/11-0.txt",
        "1/2/3/4/12345/12345.txt",
        "1/2/3/4/12345/old/12345-0.txt",
    ]


def test_the_catalogue_chooses_among_the_books_that_are_there(tmp_path: Path) -> None:
    for number in (11, 12, 13, 14):
        (tmp_path / f"pg{number}.txt").write_bytes(book(f"Tale {number}"))
    with pytest.raises(DataError, match=r"no pg_catalog\.csv; put it there"):
        items(tmp_path, tmp_path, params(catalogue=asking("fr")))
    feeds = tmp_path / "cache/epub/feeds"
    feeds.mkdir(parents=True)
    rows = catalogue_of((10, "fr"), (11, "fr"), (12, "en"), (13, "fr"), (14, "fr"))
    (feeds / "pg_catalog.csv.gz").write_bytes(gzip.compress(rows))
    wanted = params(catalogue=asking("fr", limit=2))
    assert [item.origin for item in items(tmp_path, tmp_path, wanted)] == ["11", "13"]
    with pytest.raises(
        DataError, match=r"lists nothing that ingest\.gutenberg\.catalogue asks for of the books"
    ):
        items(tmp_path, tmp_path, params(catalogue=asking("de")))


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
    with pytest.raises(DataError, match=r"no file of book 12, 13; take them out .* max_missing, which is 1"):
        items(tmp_path, tmp_path, params(11, 12, 13, max_missing=1))
    found = items(tmp_path, tmp_path, params(11, 12, 13, max_missing=2))
    assert found[1:] == [Rejected("12", "missing"), Rejected("13", "missing")]


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
            SourceError, match=r"has no file with .* of book 12; take them out of ingest\.gutenberg\.ids"
        ):
            items(tmp_path, tmp_path, params(11, 12, mirror=server.url))
        assert sorted(server.paths()) == sorted(set(server.paths())), "what is not there is asked for once"
        found = items(tmp_path, tmp_path, params(11, 12, mirror=server.url, max_missing=1))
        assert [item.origin for item in found] == ["11", "12"]
        assert found[1] == Rejected("12", "missing")


def test_empty_answers_and_crumbs_are_no_books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gutenberg_mirror, "LIMITS", QUICK)
    with serving() as server:
        server.answers["/cache/epub/11/pg11.txt"] = [ok(b"")]
        server.answers["/1/11/11-0.txt"] = [ok(b"x")]
        server.answers["/1/11/11-8.txt"] = [ok(book("Eleven"))]
        (item,) = items(tmp_path, tmp_path, params(11, mirror=server.url))
        assert item.origin == "11"
        server.answers["/cache/epub/12/pg12.txt"] = [answer("500 Fault")]
        with pytest.raises(SourceError, match="status 500"):  # which says nothing about the book
            items(tmp_path, tmp_path, params(12, mirror=server.url, max_missing=1))


def test_the_mirrors_catalogue_chooses_books_and_is_fetched_once(tmp_path: Path) -> None:
    with serving() as server:
        rows = catalogue_of((13, "en"), (12, "fr"), (11, "en"), (14, "en"))
        server.answers["/cache/epub/feeds/pg_catalog.csv"] = [ok(rows)]
        for number in (11, 13):
            server.answers[f"/cache/epub/{number}/pg{number}.txt"] = [ok(book(f"Tale {number}"))]
        wanted = params(mirror=server.url, catalogue=asking("en", limit=2))
        for _ in range(2):
            assert [item.origin for item in items(tmp_path, tmp_path, wanted)] == ["11", "13"]
        assert server.paths() == [
            "/cache/epub/feeds/pg_catalog.csv.gz",
            "/cache/epub/feeds/pg_catalog.csv",
            "/cache/epub/11/pg11.txt",
            "/cache/epub/13/pg13.txt",
        ]
        parts = gutenberg.parts(tmp_path / "sources", wanted, downloads=tmp_path)
        told = [fetched.url.rpartition("/")[2] for fetched in fetched_files(parts, tmp_path, {})]
        assert told == ["pg11.txt", "pg13.txt", "pg_catalog.csv"], "the catalogue can be pinned like a book"
        with pytest.raises(DataError, match="lists nothing"):
            items(tmp_path, tmp_path, params(mirror=server.url, catalogue=asking("de")))


def test_a_catalogue_in_the_folder_goes_before_the_mirrors(tmp_path: Path) -> None:
    (tmp_path / "pg_catalog.csv").write_bytes(catalogue_of((11, "en")))
    with serving() as server:
        server.answers["/cache/epub/11/pg11.txt"] = [ok(book("Eleven"))]
        wanted = params(mirror=server.url, catalogue=asking("en"))
        assert [item.origin for item in items(tmp_path, tmp_path / "downloads", wanted)] == ["11"]
        assert server.paths() == ["/cache/epub/11/pg11.txt"]
        (tmp_path / "pg_catalog.csv").unlink()
        with pytest.raises(SourceError, match=r"has no cache/epub/feeds/pg_catalog\.csv; put that file into"):
            items(tmp_path, tmp_path / "downloads", wanted)


def test_a_pinned_book_is_asked_for_where_it_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        url, body = f"{server.url}/1/11/11-8.txt", book("Eleven")
        write_pins(PINS, {url: Pin(len(body), hashlib.sha256(body).hexdigest())})
        server.answers["/1/11/11-8.txt"] = [ok(body)]
        items(tmp_path, tmp_path / "downloads", params(11, mirror=server.url))
        assert server.paths() == ["/1/11/11-8.txt"]
        server.answers["/1/11/11-8.txt"] = [ok(book("Eleven").replace(b"tale", b"tail"))]
        with pytest.raises(IntegrityError, match=f"{url}: serves"):
            items(tmp_path, tmp_path / "anew", params(11, mirror=server.url))


def test_a_run_that_goes_on_takes_the_editions_that_an_unbroken_one_takes(tmp_path: Path) -> None:
    """The layout of the last book goes first, so what was fetched before a kill is gone through again."""
    with serving() as server:
        server.answers["/1/11/11-0.txt"] = [ok(book("Eleven"))]
        server.answers["/1/12/12-0.txt"] = [ok(book("Twelve"))]
        server.answers["/cache/epub/12/pg12.txt"] = [ok(book("Another twelve"))]
        unbroken = items(tmp_path, tmp_path / "unbroken", params(11, 12, mirror=server.url))
        items(tmp_path, tmp_path / "broken", params(11, mirror=server.url))
        assert items(tmp_path, tmp_path / "broken", params(11, 12, mirror=server.url)) == unbroken


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
            SourceError, match="has no file with Project Gutenberg's marks of book 13; take them out"
        ):
            items(tmp_path, tmp_path, params(13, mirror=server.url))
    assert sorted(path.name for path in tmp_path.glob("addresses/*/*/*.txt")) == ["11-0.txt", "12-0.txt"]
    assert len(list(tmp_path.glob("objects/*/*"))) == 2


def test_books_are_chosen_in_one_way_and_not_from_the_site_for_people() -> None:
    choices = (params(), params(11), params(11, mirror=MIRROR), params(mirror=MIRROR, catalogue=asking()))
    assert [list(choice.problems()) for choice in choices] == [[], [], [], []]
    for wrong, said in (
        (params(mirror=MIRROR), "mirror is set and ids is empty"),
        (params(11, catalogue=asking()), "choose the books one way or the other"),
        (params(11, mirror="https://www.gutenberg.org/"), "a site for people"),
        (params(11, mirror="http://GUTENBERG.org"), "a site for people"),
    ):
        (problem,) = wrong.problems()
        assert said in problem


def test_real_books_from_a_mirror_are_those_of_the_folder(tmp_path: Path) -> None:
    folder = corpora("gutenberg")
    with serving() as server:
        feed = (folder / "catalog/pg_catalog.csv").read_bytes()
        server.answers["/cache/epub/feeds/pg_catalog.csv.gz"] = [ok(gzip.compress(feed))]
        for path in folder.glob("pg*.txt"):
            server.answers[f"/cache/epub/{path.stem.removeprefix('pg')}/{path.name}"] = [
                ok(path.read_bytes())
            ]
        austen = GutenbergCatalogueParams(True, ("en",), (), ("Austen, Jane",), 3)
        wanted = params(mirror=server.url, catalogue=austen, max_missing=3)
        found = items(tmp_path, tmp_path, wanted)
    assert found == [
        *items(folder, tmp_path, params(105)),
        Rejected("121", "missing"),
        Rejected("141", "missing"),
    ]


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
