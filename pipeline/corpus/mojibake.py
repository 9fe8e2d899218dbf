"""Text that was decoded with the wrong encoding, decoded again: ftfy knows what it looks like."""

from __future__ import annotations

import re

MAX_LINE_CHARS = 10_000  # ftfy looks at a line again and again; longer ones go in parts
# What was one character became several beyond ASCII, or one that no text holds; a lost no-break space is a
# space. One range stands first: most characters are passed over.
_SUSPECT = re.compile("[\x80-\U0010ffff](?:[\x80-\U0010ffff]|(?<=[\x80-\x84\x86-\x9f])|(?<=[ÂÃ]) )")


def mend_mojibake(text: str) -> str:
    """Lines that were decoded with the wrong encoding become what was meant: schÃ¶n becomes schön.

    Each line on its own, so that a foreign line cannot hide one that is broken; what is not surely broken
    stays as it is.
    """
    if text.isascii():
        return text
    lines = text.split("\n")
    suspects = [place for place, line in enumerate(lines) if not line.isascii() and _SUSPECT.search(line)]
    if not suspects:
        return text
    from ftfy import fix_encoding

    for place in suspects:
        lines[place] = "".join(map(fix_encoding, _parts(lines[place])))
    return "\n".join(lines)


def _parts(line: str) -> list[str]:
    return [line[start : start + MAX_LINE_CHARS] for start in range(0, len(line), MAX_LINE_CHARS)]
