"""Of a crawl its pages are taken, and every other record has a reason."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.sources import commoncrawl
from pipeline.errors import DataError, IntegrityError, ParamsError
from pipeline.records import Document
from pipeline.settings.ingest import CommonCrawlParams
from tests.corpora import corpora
from tests.corpus.dumps import answered, crash, gzipped, warc_record
from tests.corpus.serving import ok, serving

TEXT = "The old mill by the river still grinds grain, as it did a hundred years ago."
PAGE = f"<html lang=en><title>Mill</title><body><nav>Home</nav><p>{TEXT}</p>".encode()
RECORDS = (
    warc_record("warcinfo", b"software: x", content_type="application/warc-fields"),
    warc_record("request", b"GET / HTTP/1.1\r\n\r\n", content_type="application/http; msgtype=request"),
    warc_record("response", answered(PAGE), uri="http://a.org/one"),
    warc_record("response", answered(PAGE, status=404), uri="http://a.org/gone"),
    warc_record("response", answered(b"\x89PNG", content_type="image/png"), uri="http://a.org/x.png"),
    warc_record("response", answered(b"<nav>Home</nav>"), uri="http://a.org/menu"),
    warc_record("response", answered(b"\0\1\xff\0" * 9), uri="http://a.org/bytes"),
    warc_record("response", b"no answer at all", uri="http://a.org/none"),
    warc_record("response", b"dns", content_type="text/dns", uri="dns:a.org"),
    warc_record(
        "response",
        answered(
            "<p>Старая мельница стоит у реки.".encode("cp1251"), content_type="text/html;charset=cp1251"
        ),
        uri="http://a.ru/",
        WARC_Truncated="length",
    ),
)


def items(folder: Path, *, url: str | None = None) -> list[Document | Rejected]:
    params = CommonCrawlParams(True, url, "mine", 0.01)
    parts = commoncrawl.parts(folder, params, downloads=folder / "downloads")
    return [item for part in parts.values() for item in commoncrawl.read(part)]


def documents(found: list[Document | Rejected]) -> dict[str, Document]:
    return {item.origin: item for item in found if isinstance(item, Document)}


def test_pages_are_taken_and_every_other_record_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(gzipped(*RECORDS))
    (tmp_path / "a.warc.wat.gz").write_bytes(b"x")
    found = items(tmp_path)
    taken = documents(found)
    first, second = taken["a.warc.gz:3"], taken["a.warc.gz:10"]
    assert (first.title, first.text, first.licence) == ("Mill", TEXT, "mine")
    assert json.loads(first.metadata) == {
        "date": "2026-01-02T03:04:05Z",
        "encoding": "utf-8",
        "language": "en",
        "url": "http://a.org/one",
    }
    assert second.text == "Старая мельница стоит у реки."
    assert json.loads(second.metadata)["cut"] == "yes"
    assert {item.origin: item.reason for item in found if isinstance(item, Rejected)} == {
        "a.warc.gz:1 http://a.org/": "other_record",
        "a.warc.gz:2 http://a.org/": "other_record",
        "a.warc.gz:4 http://a.org/gone": "http_status",
        "a.warc.gz:5 http://a.org/x.png": "not_html",
        "a.warc.gz:6 http://a.org/menu": "no_main_text",
        "a.warc.gz:7 http://a.org/bytes": "undecodable",
        "a.warc.gz:8 http://a.org/none": "http_status",
        "a.warc.gz:9 dns:a.org": "other_record",
        "a.warc.wat.gz": "unknown_format",
    }


def test_plain_and_differently_packed_files_give_the_same_pages(tmp_path: Path) -> None:
    texts = []
    for name, data in (
        ("a.warc", b"".join(RECORDS)),
        ("a.warc.gz", gzipped(*RECORDS)),
        ("one-stream.warc.gz", gzip.compress(b"".join(RECORDS), mtime=0)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(data)
        texts.append([item.text for item in items(folder) if isinstance(item, Document)])
    assert texts[0] == texts[1] == texts[2]
    assert len(texts[0]) == 2


def test_extracted_text_is_taken_as_it_is(tmp_path: Path) -> None:
    text = warc_record(
        "conversion",
        f"Menu\n{TEXT} ü".encode(),
        content_type="text/plain",
        WARC_Identified_Content_Language="eng,deu",
    )
    empty = warc_record("conversion", b" \n", content_type="text/plain")
    broken = warc_record("conversion", b"\0\1\xff\0" * 9, content_type="text/plain")
    (tmp_path / "CC-MAIN-1.warc.wet.gz").write_bytes(gzipped(text, empty, broken))
    found = items(tmp_path)
    assert [getattr(item, "reason", "taken") for item in found] == ["taken", "no_main_text", "undecodable"]
    (document,) = documents(found).values()
    assert document.text == f"Menu\n{TEXT} ü"
    assert json.loads(document.metadata)["language"] == "eng,deu"


def test_pages_that_are_too_large_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commoncrawl, "MAX_PAGE_BYTES", 1000)
    monkeypatch.setattr(commoncrawl, "MAX_RECORD_BYTES", 1200)
    bomb = answered(gzip.compress(bytes(2_000_000), mtime=0)[:900], content_encoding="gzip")
    (tmp_path / "a.warc").write_bytes(
        warc_record("response", answered(b"<p>" + b"x" * 1200))
        + warc_record("conversion", b"x" * 1201, content_type="text/plain")
        + warc_record("response", bomb)
        + warc_record("response", answered(PAGE))
    )
    reasons = [getattr(item, "reason", "taken") for item in items(tmp_path)]
    assert reasons == ["too_large", "too_large", "too_large", "taken"]


def test_a_page_that_no_parser_survives_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commoncrawl, "read_page", crash)
    (tmp_path / "a.warc").write_bytes(warc_record("response", answered(PAGE)))
    assert items(tmp_path) == [Rejected("a.warc:1 http://a.org/", "too_complex")]


def test_a_cut_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.warc, \.warc\.gz or \.wet\.gz file; put one there"):
        items(tmp_path)
    (tmp_path / "a.warc").write_bytes(b"".join(RECORDS)[:-20])
    with pytest.raises(IntegrityError, match=r"a\.warc: cut in a record of http://a\.ru/"):
        items(tmp_path)


def test_a_file_is_fetched_from_a_url(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/x/a.warc.gz"] = [ok(gzipped(*RECORDS))]
        assert len(documents(items(tmp_path, url=f"{server.url}/x/a.warc.gz"))) == 2
    with pytest.raises(
        ParamsError, match=r"ingest\.commoncrawl\.url: is 'http://x/page'; must name a \.warc"
    ):
        items(tmp_path, url="http://x/page")


def test_real_crawls_are_read_and_a_cut_one_is_not() -> None:
    samples, crawl = corpora("web/warcio_samples"), corpora("web/dolma_commoncrawl")
    texts: Counter[str] = Counter()
    for folder, name in ((samples, "example.warc.gz"), (samples, "example-wrong-chunks.warc.gz")):
        found = commoncrawl.read(commoncrawl.Part(folder, (folder / name,), ""))
        texts.update(item.text.split("\n")[0] for item in found if isinstance(item, Document))
    assert texts == {"Example Domain": 2}
    real = list(commoncrawl.read(commoncrawl.Part(crawl, (crawl / "warc__sample-0000.warc.gz",), "")))
    assert Counter(getattr(item, "reason", "taken") for item in real) == {"taken": 22, "other_record": 26}
    with pytest.raises(IntegrityError, match=r"example-trunc\.warc: damaged WARC"):
        list(commoncrawl.read(commoncrawl.Part(samples, (samples / "example-trunc.warc",), "")))
