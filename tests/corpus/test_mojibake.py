"""Text in a wrong encoding is decoded again; text that only looks unusual stays."""

from __future__ import annotations

import time

import pytest

from pipeline.corpus.mojibake import MAX_LINE_CHARS, mend_mojibake


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("schön – naïve", "cp1252"),
        ("schön, “quoted” — naïve", "latin-1"),
        ("Ελληνικά και русский", "latin-1"),
        ("漢字かな交じり文", "latin-1"),
        ("עברית", "latin-1"),
    ],
)
def test_what_was_decoded_wrongly_is_mended(text: str, encoding: str) -> None:
    broken = text.encode("utf-8").decode(encoding)
    assert mend_mojibake(f"before it\n{broken}\nbehind it") == f"before it\n{text}\nbehind it"


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "é à la carte – “ça” ‘va’…",
        "Größe, Straße, ÄÖÜ",
        "¿Qué? ¡Sí!",
        "日本語と English",
        "50 Å, 5 µm, ±½",
        "😀👍",
    ],
)
def test_sound_text_stays(text: str) -> None:
    assert mend_mojibake(text) == text


def test_a_very_long_line_is_mended_in_parts() -> None:
    line = "schÃ¶n und gut, " * (4 * MAX_LINE_CHARS // 16)
    started = time.process_time()
    mended = mend_mojibake(line)
    assert time.process_time() - started < 2
    assert mended.count("schön") >= mended.count("sch") - 4
