"""Records are taken as long as they say they are, and answers as they were sent."""

from __future__ import annotations

import io
import zlib

import pytest

from pipeline.corpus.warc import Answer, Record, answer, charset, records
from pipeline.errors import IntegrityError
from tests.corpus.dumps import answered, warc_record

KINDS = frozenset({"response"})


def read(data: bytes, *, max_bytes: int = 10_000) -> list[Record]:
    return list(records(io.BytesIO(data), name="a.warc", kinds=KINDS, max_bytes=max_bytes))


def body(sent: Answer | None) -> bytes:
    assert sent is not None
    return sent.body


def test_records_come_with_their_headers_and_only_wanted_contents() -> None:
    page = warc_record("response", b"one", uri="<http://a.org/x y>", WARC_Truncated="length")
    found = read(
        warc_record("warcinfo", b"software: x") + page + warc_record("response", b"x" * 101), max_bytes=100
    )
    assert [record.content for record in found] == [None, b"one", None]
    assert [record.kind for record in found] == ["warcinfo", "response", "response"]
    assert (found[1].uri, found[1].is_cut, found[1].content_type) == (
        "http://a.org/x y",
        True,
        "application/http",
    )
    assert read(b"") == []


@pytest.mark.parametrize("missing", [5, 100, 600])
def test_a_file_that_is_cut_within_a_record_is_noticed(missing: int) -> None:
    for kind in ("response", "request"):
        with pytest.raises(IntegrityError, match=r"a\.warc: cut in a record of http://a\.org/"):
            read(warc_record("response", b"one") + warc_record(kind, b"x" * 1000)[:-missing])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html>", "damaged WARC"),
        (b"\x1f\x8b\x08" + b"x" * 99, "damaged WARC"),
        (b"\0" * 100_000, "damaged WARC"),
        (warc_record("response", b"one") + b"garbage", "damaged WARC"),
        (b"WARC/1.0\r\nWARC-Type: response\r\n\r\nabc", "has no length"),
        (b"WARC/1.0\r\nContent-Length: -5\r\n\r\nabc", "has no length"),
        (b"WARC/1.0\r\nContent-Length: x\r\n\r\nabc", "has no length"),
        (b"WARC/1.0\r\nContent-Length: 99999999999999999999\r\n\r\nabc", "has no length"),
        (b"WARC/1.0\r\nContent-Length: 999999999999\r\n\r\nabc", "cut in a record"),
        (b"WARC/1.0\r\n" + b"a: b\r\n" * 100_000 + b"\r\n", "damaged WARC"),
        (b"WARC/1.0\r\nWARC-Type: " + b"a" * 1_000_000, "damaged WARC"),
    ],
)
def test_damage_is_noticed(data: bytes, said: str) -> None:
    with pytest.raises(IntegrityError, match=rf"a\.warc: .*{said}"):
        read(data)


def test_bodies_are_dechunked_and_unpacked() -> None:
    packed = zlib.compressobj(wbits=31)
    gzip = packed.compress(b"hello") + packed.flush()
    raw = zlib.compressobj(wbits=-15)
    deflated = raw.compress(b"hello") + raw.flush()
    chunked = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    for sent in (
        answered(b"hello"),
        answered(gzip, content_encoding="gzip"),
        answered(zlib.compress(b"hello"), content_encoding="deflate"),
        answered(deflated, content_encoding="Deflate"),
        answered(chunked, transfer_encoding="chunked"),
        answered(b"hello", content_encoding="gzip", transfer_encoding="chunked"),  # the crawler undid both
    ):
        found = answer(sent, max_bytes=100)
        assert found is not None
        assert (found.status, found.body) == (200, b"hello")


def test_a_body_that_unpacks_to_too_much_is_not_taken() -> None:
    bomb = answered(zlib.compress(bytes(10 << 20)), content_encoding="gzip")
    assert answer(bomb, max_bytes=1000) is None
    assert body(answer(bomb, max_bytes=10 << 20)) == bytes(10 << 20)


def test_what_is_no_answer_has_no_status() -> None:
    for content in (
        b"",
        b"\r\n\r\n",
        b"garbage\r\n\r\nx",
        b"HTTP/1.1 99999 x\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
    ):
        found = answer(content, max_bytes=100)
        assert found is not None
        assert found.status == 0


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("text/html; charset=UTF-8", "UTF-8"),
        ("text/html;charset='koi8-r'", "koi8-r"),
        ('text/html; boundary=x; CHARSET = "x-sjis"; y', "x-sjis"),
        ("text/html", ""),
        ("text/html; charset=", ""),
    ],
)
def test_the_charset_is_found_in_the_header(header: str, found: str) -> None:
    assert charset(header) == found
