"""Repairs of text, one small function each, in the order in which they are made.

Every repair takes time proportional to the length of the text, whatever the text is: no pattern here can
match one run of characters from many starting points, and what plain replacing can do is done by it (ten
times as fast). To repair a repaired text changes nothing, but for the joining of lines, and for mojibake
that a removed character had parted.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.corpus.mojibake import mend_mojibake
from pipeline.corpus.unwrapping import join_wrapped_lines

MAX_COMBINING_MARKS = 30  # in a row, as in Unicode's stream-safe format; no script needs more
MAX_BLANK_LINES = 2
_LINE_ENDS = ("\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\](?:[^\x07\x1b\n]*(?:\x07|\x1b\\))?|[@-Z\\^_])")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_BIDI_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
SPECIAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\u2581\ufeff\ufffe\uffff]")
_BLANK_LINES = re.compile(rf"\n{{{MAX_BLANK_LINES + 2},}}")


@dataclass(frozen=True, slots=True)
class Repaired:
    """The repaired text and the names of the repairs that changed it."""

    text: str
    repairs: tuple[str, ...]


def repair(text: str, *, unwrap: bool) -> Repaired:
    """The text with everything mended that is known below, and with `unwrap` the lines of paragraphs joined.

    >>> repair("caf\\u0065\\u0301  \\r\\n", unwrap=False)
    Repaired(text='café', repairs=('line_ends', 'unicode_nfc', 'trailing_space', 'outer_blank_lines'))
    """
    made: list[str] = []
    for repairs in (DECODING, SPECIAL_CHARACTERS, LAYOUT, UNWRAPPING if unwrap else {}):
        if repairs is SPECIAL_CHARACTERS and not SPECIAL.search(text):
            continue
        for name, mend in repairs.items():
            mended = mend(text)
            if mended != text:
                made.append(name)
                text = mended
    return Repaired(text, tuple(made))


def unify_line_ends(text: str) -> str:
    """CRLF, CR, vertical tab, form feed, NEL, line and paragraph separators become line feeds."""
    for line_end in _LINE_ENDS:
        text = text.replace(line_end, "\n")
    return text


def remove_marks(text: str) -> str:
    """Byte order marks go, wherever files were joined."""
    return text.replace("\ufeff", "")


def remove_escapes(text: str) -> str:
    """ANSI escape sequences, which colour terminals, go whole."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text


def remove_controls(text: str) -> str:
    """NUL and all other control characters but tab and line feed go."""
    return _CONTROLS.sub("", text)


def remove_bidi_overrides(text: str) -> str:
    """Embeddings, overrides and isolates, which can make a text lie, go; plain direction marks stay."""
    for override in _BIDI_OVERRIDES:
        text = text.replace(override, "")
    return text


def replace_word_marker(text: str) -> str:
    """U+2581, which SentencePiece cannot tell from a space, becomes an underscore."""
    return text.replace("\u2581", "_")


def cap_combining_marks(text: str) -> str:
    """At most MAX_COMBINING_MARKS stand on one character: normalizing longer runs is quadratic."""
    if text.isascii() or not _suspect_marks().search(text[:: MAX_COMBINING_MARKS + 1]):
        return text  # one of so many characters in a row would be among these
    return _long_suspect_runs().sub(
        lambda run: _long_mark_runs().sub(lambda marks: marks[0][:MAX_COMBINING_MARKS], run[0]), text
    )


def normalize(text: str) -> str:
    """Unicode's canonical composed form: one way to write each character. A few marks become two in it, so
    they are capped again.
    """
    composed = unicodedata.normalize("NFC", text)
    return text if composed == text else cap_combining_marks(composed)


def strip_line_ends(text: str) -> str:
    """White space at the ends of lines goes."""
    return "\n".join([line.rstrip() for line in text.split("\n")])


def limit_blank_lines(text: str) -> str:
    """Runs of more blank lines become MAX_BLANK_LINES."""
    allowed = "\n" * (MAX_BLANK_LINES + 1)
    return _BLANK_LINES.sub(allowed, text) if allowed + "\n" in text else text


def strip_blank_lines(text: str) -> str:
    """Blank lines at both ends go; the first line keeps its indentation."""
    return text.strip("\n")


@functools.cache
def _suspect_marks() -> re.Pattern[str]:
    """Matches what may be a mark: beyond the Basic Multilingual Plane a range is 15 times as fast."""
    return re.compile(f"[{_marks(0x10000)}\U000101fd-\U0001efff]")


@functools.cache
def _long_suspect_runs() -> re.Pattern[str]:
    """Matches runs that may be too long; one mark stands first, so that most characters are passed over."""
    mark = _suspect_marks().pattern
    return re.compile(f"{mark}{mark}{{{MAX_COMBINING_MARKS},}}")


@functools.cache
def _long_mark_runs() -> re.Pattern[str]:
    """Matches runs that are too long."""
    return re.compile(f"[{_marks(0x1F000)}]{{{MAX_COMBINING_MARKS + 1},}}")


def _marks(end: int) -> str:
    return "".join(chr(code) for code in range(0x300, end) if unicodedata.combining(chr(code)))


# Mojibake first: what it is made of looks like control characters and line ends.
DECODING: Mapping[str, Callable[[str], str]] = {"mojibake": mend_mojibake}

# Each looks for some of SPECIAL's characters, which most texts have none of: one search spares them all.
SPECIAL_CHARACTERS: Mapping[str, Callable[[str], str]] = {
    "line_ends": unify_line_ends,
    "byte_order_marks": remove_marks,
    "escape_sequences": remove_escapes,
    "control_characters": remove_controls,
    "bidi_overrides": remove_bidi_overrides,
    "word_marker": replace_word_marker,
}

LAYOUT: Mapping[str, Callable[[str], str]] = {
    "combining_marks": cap_combining_marks,
    "unicode_nfc": normalize,
    "trailing_space": strip_line_ends,
    "blank_lines": limit_blank_lines,
    "outer_blank_lines": strip_blank_lines,
}

UNWRAPPING: Mapping[str, Callable[[str], str]] = {"wrapped_lines": join_wrapped_lines}
