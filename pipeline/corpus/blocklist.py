"""How many of a text's words are on a list: whole words and phrases, whatever their case."""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
_GAP = "  "  # two spaces: one belongs to each neighbour, so that adjacent phrases are both found


def listed_share(text: str, listed: tuple[str, ...]) -> float:
    """The share of the words of a text that are on the list, or belong to a phrase on it; 0.0 without words.

    >>> listed_share("Mill, MILLS and mill stones", ("mill", "Mill stones"))
    0.8
    """
    words = _WORD.findall(text.casefold())
    wanted = _wanted(listed)
    counts = Counter(words)
    found = sum(counts[word] for word in wanted.words)
    if wanted.phrases:
        spaced = f" {_GAP.join(words)} "
        found += sum(size * spaced.count(f" {phrase} ") for phrase, size in wanted.phrases)
    return found / len(words) if words else 0.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Single words, and phrases spaced as a text is searched, each with its number of words."""

    words: frozenset[str]
    phrases: tuple[tuple[str, int], ...]


@functools.lru_cache(maxsize=1)
def _wanted(listed: tuple[str, ...]) -> _Wanted:
    parted = {tuple(_WORD.findall(entry.casefold())) for entry in listed}
    phrases = sorted(words for words in parted if len(words) > 1)
    return _Wanted(
        frozenset(words[0] for words in parted if len(words) == 1),
        tuple((_GAP.join(words), len(words)) for words in phrases),
    )
