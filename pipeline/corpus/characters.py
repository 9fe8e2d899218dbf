"""The characters of a text: how often each occurs, and of what kind it is."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

_UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
    ("\U00020000", "\U0003ffff"),
)


@functools.cache
def kind_of(character: str) -> str:
    """One of space, invisible (joiners, unassigned), letter (with its marks), unspaced_letter and other.

    Unspaced letters are Chinese, Japanese kana, Thai, Lao, Khmer and Myanmar: no spaces part their words.
    """
    category = unicodedata.category(character)
    if character.isspace():
        return "space"
    if category[0] == "C":
        return "invisible"
    if category[0] not in "LM":
        return "other"
    return "unspaced_letter" if any(first <= character <= last for first, last in _UNSPACED) else "letter"


def count_characters(text: str) -> dict[str, int]:
    """How often each character occurs, in the order of their code points.

    >>> count_characters("noon!")
    {'!': 1, 'n': 2, 'o': 2}
    """
    if text.isascii():
        found = np.bincount(np.frombuffer(text.encode("ascii"), dtype=np.uint8))
        codes = np.flatnonzero(found)
        counts = found[codes]
    else:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        codes, counts = np.unique(points, return_counts=True)
    return dict(zip(map(chr, codes.tolist()), counts.tolist(), strict=True))
