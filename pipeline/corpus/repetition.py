"""How much of a text repeats itself: lines and paragraphs that stood before, and rows of tokens that did."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SHORTEST_REPEAT = 5  # tokens: what repeated rows of five do not cover, longer ones do not either
_FACTORS = np.array([0x2545F4914F6CDD1D**place % 2**63 for place in range(SHORTEST_REPEAT)], np.int64)


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


@dataclass(frozen=True, slots=True)
class _Suspects:
    """Where rows of tokens begin that occur more than once, and where those of them that stood before.

    Every such row is among them; one that shares its hash by chance costs time and changes no result. So
    longer rows need to be looked for here alone.
    """

    places: list[int]
    later: list[int]


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
        if once <= above and self._is_at_most(above, size):
            return 0
        counts: Counter[tuple[str, ...]] = self._pairs if size == 2 else Counter(_ngrams(self._tokens, size))
        ngram, count = counts.most_common(1)[0]
        return count * len(" ".join(ngram))

    def repeated_characters(self, size: int, *, above: float) -> int:
        """The characters in n-grams that stood before, none counted twice, without spaces.

        0, without a count, where they cannot be more than `above`. `size` is SHORTEST_REPEAT or more.
        """
        if self._covered <= above:
            return 0
        seen: set[tuple[str, ...]] = set()
        end = repeated = 0
        for place in self._suspects.places:
            if end <= place <= len(self._tokens) - size:
                ngram = tuple(self._tokens[place : place + size])
                if ngram in seen:
                    repeated += sum(map(len, ngram))
                    end = place + size
                seen.add(ngram)
        return repeated

    def _is_at_most(self, characters: float, size: int) -> bool:
        """Whether no repeated n-gram can make up more: it is no more frequent than the tokens, and the pairs
        of tokens, that it is made of.
        """
        by_tokens = size * self._heaviest_token + (size - 1) * self._most
        if by_tokens <= characters:
            return True
        heaviest, most = self._heaviest_pair
        pairs = math.ceil(size / 2)
        return pairs * heaviest + (pairs - 1) * most <= characters

    @functools.cached_property
    def _most(self) -> int:
        """The most that a token occurs."""
        return max(self._counts.values())

    @functools.cached_property
    def _heaviest_token(self) -> int:
        """The most characters that a repeated token makes up."""
        return max([len(token) * count for token, count in self._counts.items() if count > 1], default=0)

    @functools.cached_property
    def _heaviest_pair(self) -> tuple[int, int]:
        """The most characters that a repeated pair of tokens makes up, and the most that one occurs."""
        repeated = [(pair, count) for pair, count in self._pairs.items() if count > 1]
        heaviest = max([(len(pair[0]) + 1 + len(pair[1])) * count for pair, count in repeated], default=0)
        return heaviest, max([count for _, count in repeated], default=0)

    @functools.cached_property
    def _pairs(self) -> Counter[tuple[str, ...]]:
        return Counter(_ngrams(self._tokens, 2))

    @functools.cached_property
    def _suspects(self) -> _Suspects:
        """The rows of SHORTEST_REPEAT tokens whose hash occurs more than once."""
        if len(self._tokens) < SHORTEST_REPEAT:
            return _Suspects([], [])
        hashes = np.fromiter(map(hash, self._tokens), np.int64, count=len(self._tokens))
        codes = np.convolve(hashes, _FACTORS, "valid")  # wraps around, as a hash may
        ordered = np.sort(codes)
        shared = ordered[1:][ordered[1:] == ordered[:-1]]  # sorted, as `ordered` is
        if not len(shared):
            return _Suspects([], [])
        nearest = shared[np.minimum(shared.searchsorted(codes), len(shared) - 1)]
        places = (nearest == codes).nonzero()[0]
        firsts = np.unique(codes[places], return_index=True)[1]
        return _Suspects(places.tolist(), np.delete(places, firsts).tolist())

    @functools.cached_property
    def _covered(self) -> int:
        """At least the characters in rows of SHORTEST_REPEAT tokens that stood before."""
        end = covered = 0
        for place in self._suspects.later:
            covered += sum(map(len, self._tokens[max(place, end) : place + SHORTEST_REPEAT]))
            end = place + SHORTEST_REPEAT
        return covered


def _ngrams(tokens: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(tokens[start:] for start in range(size)), strict=False)
