"""Bytes become the text they are, or are refused; nothing is guessed beyond what they say."""

from __future__ import annotations

import pytest

from pipeline.corpus.decoding import decode


def test_sound_utf8_is_read_as_it_is() -> None:
    decoded = decode("naïve “café” 日本".encode())
    assert decoded is not None
    assert (decoded.text, decoded.encoding, decoded.replaced) == ("naïve “café” 日本", "utf-8", 0)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding_and_is_no_text(encoding: str) -> None:
    decoded = decode("caf\xe9 漢字".encode(encoding))
    assert decoded is not None
    assert decoded.text == "caf\xe9 漢字"


def test_western_text_that_is_no_utf8_is_windows_text() -> None:
    decoded = decode(b"caf\xe9 \x93q\x94")
    assert decoded is not None
    assert (decoded.text, decoded.encoding) == ("café “q”", "cp1252")


def test_a_declared_encoding_is_used_when_the_bytes_are_no_utf8() -> None:
    data = "Привет, мир".encode("koi8-r")
    assert decode(data, declared="koi8-r").text == "Привет, мир"  # type: ignore[union-attr]
    assert decode("naïve".encode(), declared="ISO-8859-1").text == "naïve"  # type: ignore[union-attr]
    assert decode(b"caf\xe9\x81", declared="ISO-8859-1").text == "café\x81"  # type: ignore[union-attr]


@pytest.mark.parametrize("declared", ["", "ISO-646-US", "nonsense", "rot13", "unicode_escape"])
def test_a_declaration_that_tells_nothing_is_ignored(declared: str) -> None:
    decoded = decode(b"caf\xe9", declared=declared)
    assert decoded is not None
    assert decoded.text == "café"


@pytest.mark.parametrize(
    "data",
    [
        "много текста".encode() + b"\xd0",  # cut in a character
        b"\xc0\xaf " + "überall Grüße".encode(),  # overlong
        "日本語".encode() + b"\xf5\x80\x80\x80",  # beyond U+10FFFF
        "日本語".encode() + b"\xed\xa0\x80",  # a surrogate
    ],
)
def test_damaged_utf8_is_kept_with_the_damage_marked_and_counted(data: bytes) -> None:
    decoded = decode(data)
    assert decoded is not None
    assert decoded.encoding == "utf-8"
    assert decoded.replaced == decoded.text.count("\ufffd") > 0


@pytest.mark.parametrize(
    "data",
    [
        "text in UTF-16".encode("utf-16-le"),
        "日本語 text\n".encode("utf-16-be"),
        b"\x7fELF\0\0\xff\xfe\x81",
        b"\x81\x8d\xff",
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    assert decode(data) is None


def test_nul_characters_in_text_are_left_for_cleaning() -> None:
    decoded = decode(b"a\0b\0\0c")
    assert decoded is not None
    assert decoded.text == "a\0b\0\0c"
