"""Bytes to text, without guessing more than the bytes say.

In this order: a byte order mark; UTF-8; the declared encoding; then, for bytes that are no UTF-8, what their
form says:

    NUL bytes                       no text of 8-bit characters (UTF-16 without a mark, say): undecodable
    mostly sound UTF-8 sequences    damaged UTF-8: each unsound sequence becomes U+FFFD
    every byte assigned in cp1252   Windows Western, which has every letter of Latin-1
    else                            undecodable

UTF-8 goes before a declared encoding: files that say ASCII or Latin-1 and hold UTF-8 are common, text in
another encoding that happens to be sound UTF-8 is not.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SOUND_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_DECLARABLE = re.compile(r"iso8859-|cp125|koi8|mac-|utf-16|utf-32|big5|gb|shift_jis|euc_")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the encoding it was read as, and how many unsound sequences became U+FFFD."""

    text: str
    encoding: str
    replaced: int = 0


def decode(data: bytes, *, declared: str = "") -> Decoded | None:
    """The text of the bytes by the rules above, without a byte order mark; None when they are undecodable.

    `declared` is an encoding's name from a header; an unknown name counts as none, and Latin-1 as cp1252
    where it can.

    >>> decode(b"caf\\xe9 \\x93q\\x94").text
    'café “q”'
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _lenient(data[len(mark) :], encoding)
    if _is_unmarked_utf16(data):
        return None
    for encoding in ("utf-8", *_candidates(declared)):
        try:
            return Decoded(data.decode(encoding), encoding)
        except UnicodeDecodeError:
            continue
    return _by_form(data)


def _candidates(declared: str) -> tuple[str, ...]:
    """Python's names of the encodings that a declaration may mean; none when it tells nothing."""
    try:
        name = codecs.lookup(declared.strip()).name
    except LookupError:
        return ()
    if name == "iso8859-1":
        return "cp1252", name
    return (name,) if _DECLARABLE.match(name) else ()


def _by_form(data: bytes) -> Decoded | None:
    if b"\0" in data:
        return None
    high = sum(len(run) for run in re.findall(rb"[\x80-\xff]+", data))
    sound = sum(len(sequence) for sequence in _SOUND_SEQUENCE.findall(data))
    if 2 * sound > high:
        return _lenient(data, "utf-8")
    if _NOT_IN_CP1252.search(data):
        return None
    return Decoded(data.decode("cp1252"), "cp1252")


def _lenient(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, errors="replace")
    without = data.decode(encoding, errors="ignore")
    return Decoded(text, encoding, len(text) - len(without))


def _is_unmarked_utf16(data: bytes) -> bool:
    """Western text in UTF-16: every second byte is NUL and no other, which is sound UTF-8 too."""
    half = len(data) // 2
    nuls = sorted((data[::2].count(0), data[1::2].count(0)))
    return half > 1 and nuls[0] == 0 and nuls[1] >= 0.9 * half
