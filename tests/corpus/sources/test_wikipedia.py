"""A dump becomes plain articles, whatever form it comes in."""

from __future__ import annotations

import bz2
import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.sources import wikipedia
from pipeline.errors import DataError, IntegrityError, ParamsError
from pipeline.records import Document
from pipeline.settings.ingest import WikipediaParams
from tests.corpora import corpora
from tests.corpus.dumps import PROSE, crash, wiki_dump, wiki_page
from tests.corpus.serving import ok, serving

REDIRECT = wiki_page(2, "#REDIRECT [[Seite 1]]", extra='<redirect title="Seite 1" />')
DUMP = wiki_dump(
    wiki_page(1, f"'''Mühlen''' mahlen. [[Datei:M.jpg|mini|Bild]] [[Kategorie:Mühle]]\n\n{PROSE}"),
    REDIRECT,
    wiki_page(3, "#weiterleitung", namespace=1),
    wiki_page(4, "{}", model="json"),
    wiki_page(5, "{{Vorlage}}"),
    wiki_page(6),
    wiki_page(7, "#redirect [[Seite 6]]"),
    wiki_page(8),
)


@pytest.fixture(autouse=True)
def one_lane(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One reader is enough where it is not about several: each starts a process."""
    if "lanes" not in request.node.name:
        monkeypatch.setattr(wikipedia, "LANES", 1)


def items(folder: Path, *, url: str | None = None, max_documents: int = 1000) -> list[Document | Rejected]:
    params = WikipediaParams(True, url, max_documents, "CC BY-SA 4.0", 0.01)
    parts = wikipedia.parts(folder, params, downloads=folder / "downloads")
    return [item for part in parts.values() for item in wikipedia.read(part)]


def documents(found: list[Document | Rejected]) -> dict[str, Document]:
    return {item.origin: item for item in found if isinstance(item, Document)}


def test_lanes_share_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dewiki.xml").write_bytes(DUMP)
    found = items(tmp_path)
    assert wikipedia.LANES > 1
    monkeypatch.setattr(wikipedia, "LANES", 1)
    assert sorted(found, key=repr) == sorted(items(tmp_path), key=repr)


def test_articles_are_taken_and_every_other_page_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "dewiki.xml").write_bytes(DUMP)
    (tmp_path / "index.txt").write_text("x")
    found = items(tmp_path)
    taken = documents(found)
    assert sorted(taken) == ["dewiki:1", "dewiki:6", "dewiki:8"]
    first = taken["dewiki:1"]
    assert (first.title, first.licence, first.text) == (
        "Seite 1",
        "CC BY-SA 4.0",
        f"Mühlen mahlen.\n\n{PROSE.strip()}",
    )
    assert json.loads(first.metadata) == {"language": "de", "page_id": "1", "revision_id": "100"}
    assert {item.origin: item.reason for item in found if isinstance(item, Rejected)} == {
        "dewiki:2": "redirect",
        "dewiki:3": "other_namespace",
        "dewiki:4": "other_model",
        "dewiki:5": "no_prose",
        "dewiki:7": "redirect",
        "index.txt": "unknown_format",
    }


def test_packed_and_divided_dumps_give_the_same(tmp_path: Path) -> None:
    half, found = len(DUMP) // 2, []
    multistream = bz2.compress(DUMP[:half]) + bz2.compress(DUMP[half:])
    for folder, name, data in (
        ("plain", "dewiki.xml", DUMP),
        ("packed", "dewiki.xml.bz2", bz2.compress(DUMP)),
        ("streams", "dewiki-pages-articles-multistream.xml.bz2", multistream),
        ("piece", "dewiki-pages-articles1.xml-p1p8.bz2", multistream),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(data)
        found.append(items(tmp_path / folder))
    assert all(other == found[0] for other in found)


def test_reading_stops_at_the_largest_number_of_articles(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(DUMP)
    (tmp_path / "b.xml").write_bytes(b"never read")
    assert sorted(documents(items(tmp_path, max_documents=4))) == ["dewiki:1", "dewiki:6", "dewiki:8"]
    assert sorted(documents(items(tmp_path, max_documents=3))) == ["dewiki:1", "dewiki:6"]
    assert len(items(tmp_path, max_documents=1)) == 1


def test_an_article_that_no_parser_ends_with_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wikipedia, "plain_text", crash)
    (tmp_path / "a.xml").write_bytes(wiki_dump(wiki_page(1)))
    assert items(tmp_path) == [Rejected("dewiki:1", "too_complex")]


def test_a_cut_dump_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.xml or \.xml\.bz2 dump; put a pages-articles file there"):
        items(tmp_path)
    (tmp_path / "a.xml.bz2").write_bytes(bz2.compress(DUMP)[:-9])
    with pytest.raises(IntegrityError, match=r"a\.xml\.bz2: cut before its end"):
        items(tmp_path)


def test_a_dump_is_fetched_from_a_url(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/dewiki.xml.bz2"] = [ok(bz2.compress(DUMP))]
        assert len(documents(items(tmp_path, url=f"{server.url}/dewiki.xml.bz2"))) == 3
    with pytest.raises(ParamsError, match=r"ingest\.wikipedia\.url: is 'http://x/page'; must name a \.xml"):
        items(tmp_path, url="http://x/page")


def test_a_real_dump_becomes_prose() -> None:
    folder = corpora("web/enwiki_dump")
    params = WikipediaParams(True, None, 8, "CC BY-SA 4.0", 0.01)
    parts = wikipedia.parts(folder, params, downloads=folder)
    found = [item for part in parts.values() for item in wikipedia.read(part)]
    assert Counter(getattr(item, "reason", "taken") for item in found)["redirect"] == 62
    taken = {item.title: item.text for item in found if isinstance(item, Document)}
    assert len(taken) == 8
    assert taken["Anarchism"].startswith("Anarchism is a political philosophy that advocates ")
    assert "a neurodevelopmental disorder characterized by impaired social" in taken["Autism"]
    for text in taken.values():
        assert not any(mark in text for mark in ("[[", "]]", "<ref", "'''", "Category:", "{|"))
