"""Of a page its main text is taken, in whatever encoding it came."""

from __future__ import annotations

import pytest

from pipeline.corpus import pages
from pipeline.corpus.pages import RawPage, read_page

SENTENCES = " ".join(f"The mill number {number} grinds grain slowly." for number in range(9))
PAGE = (
    "<!DOCTYPE html><html lang='en-GB'><head><title>Mills\n of old</title>"
    "<style>p {color: red}</style></head>"
    "<body><nav><a href='/'>Home</a> <a href='/about'>About</a></nav>"
    f"<article><h1>Mills</h1><p>{SENTENCES}</p><p>Water turns the wheel.</p></article>"
    "<footer>Cookies, imprint</footer><script>alert('x')</script></body></html>"
)


def test_the_main_text_is_taken_and_what_is_around_it_is_not() -> None:
    page = read_page(RawPage(PAGE.encode()))
    assert page.text.split("\n\n") == ["Mills", SENTENCES, "Water turns the wheel."]
    assert (" ".join(page.title.split()), page.language, page.encoding) == ("Mills of old", "en-GB", "utf-8")
    assert page.reason == ""


RUSSIAN = "Старая мельница стоит у реки и мелет зерно. " * 5


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (f"<p>{RUSSIAN}".encode("cp1251"), "windows-1251"),
        (f"<meta charset=windows-1251><p>{RUSSIAN}".encode("cp1251"), ""),
        (f"<p>{RUSSIAN}".encode("cp1251"), ""),
        (f"<meta charset=windows-1251><p>{RUSSIAN}".encode(), "koi8-r"),
        (f"<p>{RUSSIAN}".encode("koi8-r"), "KOI8-R"),
        (f"<p>{RUSSIAN}".encode("utf-16"), ""),
    ],
)
def test_the_encoding_is_the_servers_the_pages_or_found(data: bytes, charset: str) -> None:
    assert read_page(RawPage(data, charset)).text == RUSSIAN.strip()


@pytest.mark.parametrize("charset", ["utf\0-8", "x" * 10_000, "zip", "idna", "../x", "utf-16"])
def test_a_charset_that_is_none_tells_nothing(charset: str) -> None:
    assert read_page(RawPage(b"<p>caf\xe9 au lait", charset)).text == "café au lait"


def test_what_gives_no_text_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_PAGE_BYTES", 1000)
    reasons = [
        read_page(RawPage(data)).reason
        for data in (b"", b"<nav>Home</nav>", b"<script>x", b"<p>" + b"x" * 1000, b"\0\xff\0\xfe" * 9)
    ]
    assert reasons == ["no_main_text", "no_main_text", "no_main_text", "too_large", "undecodable"]


@pytest.mark.parametrize(
    "page",
    [
        "<script>alert(1)</script><p>fine text",
        "<p>fine text<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)><p>fine text",
        "<p>fine text<!-- never closed <p>hidden",
        "<p>fine text<style>p{}",
        "<p hidden>secret</p><p>fine text",
    ],
)
def test_scripts_attributes_and_comments_are_no_text(page: str) -> None:
    assert read_page(RawPage(page.encode())).text.split() == ["fine", "text"]
