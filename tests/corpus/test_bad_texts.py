"""Bad texts of every kind come out sound, or not at all and for a named reason."""

from __future__ import annotations

import base64
import random
import unicodedata

import pytest

from pipeline.reporting.document import Page, Passage, Section
from pipeline.reporting.render import to_html, to_markdown
from tests.corpus.bad_texts import DEFAULTS, cleaned, fate

PROSE = "The mill stands where the river bends, and it has stood there for three hundred years. " * 3


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\0b\0\0c", "abc"),
        ("日本語".encode() + b" \xed\xa0\x80 over", "日本語 \ufffd\ufffd\ufffd over"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("naïve".encode("utf-8-sig"), "naïve"),
        ("naïve 漢".encode("utf-16"), "naïve 漢"),
        (b"\xff\xfe" + "naïve".encode("utf-16-le"), "naïve"),
        ("naïve 漢".encode("utf-32"), "naïve 漢"),
        (b"caf\xe9 \x93q\x94", "café “q”"),
        ("Straße é".encode() + b"\xe2\x82", "Straße é\ufffd"),
        ("Straße über".encode() + b"\xc0\xaf", "Straße über\ufffd\ufffd"),
        ("日本語".encode() + b"\xf4\x90\x80\x80", "日本語\ufffd\ufffd\ufffd\ufffd"),
        ("a\r\nb\rc\u2028d\x85e\x0bf\x0cg".encode(), "a\nb\nc\nd\ne\nf\ng"),
        ("safe\u202efdp.exe\u202c \u2066x\u2069".encode(), "safefdp.exe x"),
        ("שלום\u200f, world".encode(), "שלום\u200f, world"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 family".encode(),
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
        ),
        (unicodedata.normalize("NFD", "한국어 é").encode(), "한국어 é"),
        (b"\x1b[2Jcleared \x07bell\x1b]0;title\x07", "cleared bell"),
        (b"<s></s><unk><0x41>\xe2\x96\x81<|endoftext|>", "<s></s><unk><0x41>_<|endoftext|>"),
    ],
)
def test_what_can_be_mended_is_mended(data: bytes | str, text: str) -> None:
    assert cleaned(data) == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("plain text in UTF-16".encode("utf-16-le"), "undecodable"),
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("\u200d".encode() * 300, "empty"),
        (b"too short", "too_short"),
        (b"a" * 100_000, "low_entropy"),
        (b"\n".join([b"=" * 70] * 200), "low_entropy"),
        (base64.b64encode(random.Random(5).randbytes(60_000)), "long_words"),
        (base64.encodebytes(random.Random(5).randbytes(60_000)), "long_words"),
        (random.Random(6).randbytes(20_000).hex(" ").encode(), "few_letters"),
        (" ".join(random.Random(7).choices("()[]{};:=+-*/<>", k=9_000)).encode(), "few_letters"),
        ((PROSE + "\n").encode() * 50, "repeated_lines"),
    ],
)
def test_what_cannot_be_used_is_dropped_for_its_reason(data: bytes, reason: str) -> None:
    assert fate(data) == ("", reason)


def test_stacked_marks_do_not_blow_a_text_up() -> None:
    zalgo = "".join(letter + "\u0316\u0301\u0344" * 400 for letter in "mill")
    text = cleaned(zalgo.encode())
    assert len(text) < 150
    assert unicodedata.is_normalized("NFC", text)


def test_a_mended_text_is_mended_for_good() -> None:
    for data in ("e\u0301\x00\x1b[1m", "schÃ¶n\r\n\r\n", "a\u2581\u202eb\ufeff"):
        once = cleaned(data + PROSE)
        assert cleaned(once) == once


@pytest.mark.parametrize(
    "origin", ["a\nb.txt", "a|b", "<b>bold</b>", "=cmd()|' /C calc'!A0", "\x1b[2J", "a\u202eb"]
)
def test_names_are_shown_as_text_wherever_they_come_from(origin: str) -> None:
    page = Page("t", (), (), (Section("s", "s", "", (Passage(origin, "", origin),)),))
    html, markdown = to_html(page), to_markdown(page, figures="f")
    assert "<b>bold" not in html
    assert not {"\x1b", "\u202e"} & set(html + markdown)
    assert "\n=cmd" not in markdown.partition("```")[0]


def test_a_page_for_the_web_goes_through_every_rule() -> None:
    assert fate((PROSE + "\n") * 50, source="openwebtext")[1] == "repeated_lines"
    assert (
        fate("Die Mühle steht, wo der Fluss eine Biegung macht. " * 9, source="openwebtext")[1]
        == "other_language"
    )
    assert fate(PROSE, DEFAULTS) == (PROSE.strip(), "")
