"""A dump is read page by page and may not declare or nest what no dump does."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from pipeline.corpus import wikidump
from pipeline.corpus.wikidump import WikiPage, wiki_pages
from pipeline.errors import DataError, IntegrityError
from tests.corpus.dumps import HEAD, wiki_dump, wiki_page


def read(data: bytes) -> list[WikiPage]:
    return list(wiki_pages(io.BytesIO(data), name="a.xml"))


def test_pages_come_with_their_site() -> None:
    redirect = wiki_page(2, "#REDIRECT [[Seite 1]]", extra='<redirect title="Seite 1" />')
    first, second = read(wiki_dump(wiki_page(1, "a < b &amp; ü"), redirect))
    assert (first.title, first.namespace, first.page_id, first.revision_id) == ("Seite 1", "0", "1", "100")
    assert (first.text, first.model, first.is_redirect) == ("a < b &amp; ü", "wikitext", False)
    assert (first.site.name, first.site.language) == ("dewiki", "de")
    assert first.site.namespaces == {0: "", 6: "Datei", 14: "Kategorie"}
    assert (second.is_redirect, second.page_id) == (True, "2")


def test_the_last_revision_of_a_page_counts() -> None:
    page = wiki_page(1, "new").replace(
        "<revision>", "<revision><id>5</id><text>old</text></revision><revision>"
    )
    assert [(item.text, item.revision_id) for item in read(wiki_dump(page))] == [("new", "100")]


def test_a_text_that_is_too_long_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wikidump, "MAX_TEXT_CHARS", 1000)
    pages = read(wiki_dump(wiki_page(1, "x" * 1001), wiki_page(2, "y" * 1000)))
    assert [page.text for page in pages] == [None, "y" * 1000]


def test_a_dump_of_no_pages_is_one() -> None:
    assert read(wiki_dump()) == []


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.99])
def test_a_cut_dump_is_noticed(cut: float) -> None:
    data = wiki_dump(*(wiki_page(number) for number in range(5)))
    with pytest.raises(IntegrityError, match=r"a\.xml: damaged or cut XML"):
        read(data[: int(len(data) * cut)])


@pytest.mark.parametrize("data", [b"", b"hello", b"\0\0\0\0", b"\x1f\x8b\x08"])
def test_what_is_no_xml_is_no_dump(data: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.xml: is no MediaWiki dump"):
        read(data)


def test_another_kind_of_xml_is_no_dump() -> None:
    with pytest.raises(DataError, match=r"a\.xml: is no MediaWiki dump but <rss>"):
        read(b"<rss><channel/></rss>")


BILLION = (
    '<!DOCTYPE mediawiki [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
LOCAL_FILE = '<!DOCTYPE mediawiki [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declaration", [BILLION, LOCAL_FILE, '<!DOCTYPE mediawiki SYSTEM "http://a/b.dtd">'])
def test_declared_entities_are_refused_before_they_expand(declaration: str) -> None:
    with pytest.raises(DataError, match=r"a\.xml: declares a document type"):
        read(wiki_dump(wiki_page(1, "&c;"), head=declaration + HEAD))


def test_an_entity_that_nobody_declared_is_damage() -> None:
    with pytest.raises(IntegrityError, match="damaged or cut XML"):
        read(HEAD.encode() + b"<page>&nope;</page></mediawiki>")


def test_tags_may_not_be_nested_or_long_without_end() -> None:
    with pytest.raises(IntegrityError, match="nested deeper than 16"):
        read(HEAD.encode() + b"<page>" + b"<a>" * 100_000)
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="a tag of over 1048576 bytes"):
            read(HEAD.encode() + b"<page x='" + b"a" * (8 << 20))
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
