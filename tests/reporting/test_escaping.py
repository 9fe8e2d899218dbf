"""Hostile text becomes harmless and visible."""

from __future__ import annotations

import pytest

from pipeline.reporting.escaping import ascii_only, fenced, markdown, markdown_code, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, tab\tand\nline", "plain text, tab\tand\nline"),
        ("a\u202eb", "a‹U+202E›b"),
        ("\x1b[2J\x07\r", "‹U+001B›[2J‹U+0007›‹U+000D›"),
        ("\u2066left\u2069", "‹U+2066›left‹U+2069›"),
        ("zero\u200bwidth\ufeff", "zero‹U+200B›width‹U+FEFF›"),
        ("lone \ud800", "lone ‹U+D800›"),
        ("\u2028\u2029\ue000", "‹U+2028›‹U+2029›‹U+E000›"),
        ("日本語 😀 א é", "日本語 😀 א é"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ],
)
def test_characters_without_a_shape_become_their_code_points(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<b>|*x*", r"\<b\>\|\*x\*"),
        ("![i](javascript:x)", r"\!\[i\](javascript:x)"),
        ("two\n\nlines", "two lines"),
        ("# heading", r"\# heading"),
        ("- item", r"\- item"),
        ("12. item", r"12\. item"),
        ("https://example.org www.example.org", r"https\://example.org www\.example.org"),
        ("1.873", "1.873"),
        ("-0.5", "-0.5"),
        ("&lt;", r"\&lt;"),
    ],
)
def test_inline_markdown_shows_as_the_text_it_came_from(text: str, escaped: str) -> None:
    assert markdown(text) == escaped


def test_a_code_span_is_used_only_where_it_needs_no_escape() -> None:
    assert markdown_code("data/pack 1f0c") == "`data/pack 1f0c`"
    assert markdown_code("a`b|c") == r"a\`b\|c"


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fenced("```\nend of block?\n`````") == "``````text\n```\nend of block?\n`````\n``````"


def test_chart_labels_are_one_line_of_ascii() -> None:
    assert ascii_only("naïve\n\u202e") == "na\\xefve \\u202e"
