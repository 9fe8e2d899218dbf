"""The legal text and marks of Project Gutenberg, which must not get into a model from any source.

They are cut from its books where the books are read; elsewhere they stand in copies on web pages.
"""

from __future__ import annotations

import re

_PHRASES = re.compile(
    r"""\*{3}\s*(?:START|END)\ OF\ TH(?:E|IS)\ PROJECT\s+GUTENBERG
      | \*?END\*?\s?THE\ SMALL\ PRINT!
      | SMALL\ PRINT!\ FOR\ PUBLIC\ DOMAIN
      | (?:terms\ of\ (?:the|this)|Full)\s+Project\s+Gutenberg(?:-tm|™)?\s+License
      | (?:using|use|distributing)\s+Project\s+Gutenberg(?:-tm|™)?\s+(?:electronic\ works|e?texts)
      | Project\s+Gutenberg\s+Literary\s+Archive\s+Foundation""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_EVERY_PHRASE = (b"gutenberg", b"mall print")  # one of them; an s may be ſ


def licence_phrases(text: str) -> int:
    """How many phrases of the licence or the marks the text holds."""
    lowered = text.encode(
        "utf-8", "surrogatepass"
    ).lower()  # of ASCII alone: many times as fast as of Unicode
    return len(_PHRASES.findall(text)) if any(words in lowered for words in _IN_EVERY_PHRASE) else 0
