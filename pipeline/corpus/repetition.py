"""How much of a text repeats itself: lines and paragraphs that stood before, and rows of tokens that did."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHORTEST_REPEAT = 5  # tokens: what repeated rows of five do not cover, longer ones do not either
_MULTIPLIER = np.int64(0x2545F4914F6CDD1D)
_Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Repetition:
    """The share of parts that stood before, and of the text's characters in them."""

    parts: float
    characters: float


def repetition(parts: Sequence[str], total_characters: int) -> Repetition:
    """How much of the parts stood before among them."""
    if len(set(parts)) == len(parts):
        return Repetition(0.0, 0.0)
    counts = Counter(parts)
    characters = sum(len(part) * (count - 1) for part, count in counts.items())
    return Repetition((len(parts) - len(counts)) / len(parts), characters / max(1, total_characters))


class Ngrams:
    """Rows of tokens in a text.

    Whether a rule could be broken at all is found without a count of every row: by a bound on the most
    frequent one, and by the repeated rows of SHORTEST_REPEAT tokens, which cover every longer one.
    """

    def __init__(self, tokens: Sequence[str], counts: Mapping[str, int]) -> None:
        self._tokens = tokens
        self._counts = counts

    def top_characters(self, size: int, *, above: float) -> int:
        """The characters that the most frequent n-gram, the first of several, makes up, with its spaces.

        0, without a count, where they cannot be more than `above`.
        """
        if len(self._tokens) < size:
            return 0
        once = len(" ".join(self._tokens[:size]))
        if max(once, self._most_characters(size)) <= above:
            return 0
        ngram, count = Counter(_ngrams(self._tokens, size)).most_common(1)[0]
        self._most[size] = count
        return count * len(" ".join(ngram))

    def repeated_characters(self, size: int, *, above: float) -> int:
        """The characters in n-grams that stood before, none counted twice, without spaces.

        0, without a count, where they cannot be more than `above`. `size` is SHORTEST_REPEAT or more.
        """
        if self._covered <= above:
            return 0
        seen: set[tuple[str, ...]] = set()
        end = repeated = 0
        for place in self._repeats:
            if end <= place <= len(self._tokens) - size:
                ngram = tuple(self._tokens[place : place + size])
                if ngram in seen:
                    repeated += sum(map(len, ngram))
                    end = place + size
                seen.add(ngram)
        return repeated

    def _most_characters(self, size: int) -> int:
        """What a repeated n-gram can make up at most: it is no more frequent than any of its tokens."""
        heaviest, longest = self._heaviest
        by_weight = size * heaviest + (size - 1) * self._most[1]
        most = min(count for counted, count in self._most.items() if counted <= size)
        return min(by_weight, most * (size * longest + size - 1))

    @functools.cached_property
    def _heaviest(self) -> tuple[int, int]:
        """The most characters that a repeated token makes up, and the length of the longest one."""
        repeated = [(token, count) for token, count in self._counts.items() if count > 1]
        heaviest = max([len(token) * count for token, count in repeated], default=0)
        return heaviest, max([len(token) for token, _ in repeated], default=0)

    @functools.cached_property
    def _most(self) -> dict[int, int]:
        """How often the most frequent n-gram occurs, by size, as far as it was counted."""
        return {1: max(self._counts.values(), default=0)}

    @functools.cached_property
    def _later(self) -> _Integers:
        """Where rows of SHORTEST_REPEAT tokens begin whose hash stood before.

        Every row that did is among them; one that shares a hash by chance costs time and changes no result.
        """
        hashes = np.fromiter(map(hash, self._tokens), np.int64, count=len(self._tokens))
        rows = max(0, len(hashes) - SHORTEST_REPEAT + 1)
        codes = hashes[:rows]
        for start in range(1, SHORTEST_REPEAT):
            codes = codes * _MULTIPLIER + hashes[start : start + rows]
        order = np.argsort(codes, kind="stable")
        again = np.diff(codes[order]) == 0
        later: _Integers = order[1:][again]
        return later

    @functools.cached_property
    def _covered(self) -> int:
        """At least the characters in rows of SHORTEST_REPEAT tokens that stood before."""
        end = covered = 0
        for place in sorted(self._later.tolist()):
            covered += sum(map(len, self._tokens[max(place, end) : place + SHORTEST_REPEAT]))
            end = place + SHORTEST_REPEAT
        return covered

    @functools.cached_property
    def _repeats(self) -> list[int]:
        """Where rows of SHORTEST_REPEAT tokens begin that occur twice: longer ones begin there too."""
        ngrams = list(_ngrams(self._tokens, SHORTEST_REPEAT))
        counts = Counter(ngrams)
        return [place for place, ngram in enumerate(ngrams) if counts[ngram] > 1]


def _ngrams(tokens: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(tokens[start:] for start in range(size)), strict=False)
