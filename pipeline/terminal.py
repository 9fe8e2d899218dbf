"""What a terminal may be shown of text that anyone could have written."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t\u200c\u200d"  # joiners shape scripts and emoji


def printable(text: str) -> str:
    """The text with escapes for what could steer a terminal: control characters and invisible marks.

    >>> printable("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return "".join(
        char if char in _KEPT or not unicodedata.category(char).startswith("C") else ascii(char)[1:-1]
        for char in text
    )
