"""Words and marks of a text, as English has them: the tokens that rules count."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

LONGEST_KNOWN_CHARS = 64
MOST_KNOWN = 1 << 16  # about 20 MB

# A token is a web address, a word, a clitic ('s, 't), a row of points or hyphens, or one mark. Marks within a
# word part it where English has it so: a hyphen between letters, a slash or colon before one.
_WITHIN = r"""
    [^\w\s.,:;<>=/'’–—-]{1,3} | \.(?!\.) | (?<=\d)[,–-] | [,:<>=/–-](?=\d) | [^\w\s]{2,4}(?<!\.\.)(?<!--)
"""
_WORD = rf"""https?://\S*[\w/] | \w+ (?: (?: {_WITHIN} ) \w+ )*"""
_TOKEN = re.compile(rf"""{_WORD} | ['’]\w{{1,2}}\b | \.{{2,}} | -{{2,}} | [^\w\s]""", re.VERBOSE)


class _Known(dict[str, tuple[str, ...]]):
    """The tokens of what stands between two spaces, found once: most of a text was seen before."""

    def __missing__(self, chunk: str) -> tuple[str, ...]:
        tokens = tuple(_TOKEN.findall(chunk))
        if len(chunk) <= LONGEST_KNOWN_CHARS:
            if len(self) >= MOST_KNOWN:
                self.clear()
            self[chunk] = tokens
        return tokens


_KNOWN = _Known()


def tokens_of(chunks: Iterable[str]) -> list[str]:
    """The tokens in order of what stands between white space; no token holds any.

    >>> tokens_of("We don't know: 3,500 or 10:30?".split())
    ['We', 'don', "'t", 'know', ':', '3,500', 'or', '10:30', '?']
    """
    return list(itertools.chain.from_iterable(map(_KNOWN.__getitem__, chunks)))
