"""What rules ask about a text, measured once: characters, words, lines, paragraphs and their repetition."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
    ("\U00020000", "\U0003ffff"),
)

# A token is a web address, a word, a clitic ('s, 't), a row of points or hyphens, or one mark. Marks within a
# word part it where English has it so: a hyphen between letters, a slash or colon before one.
_WITHIN = r"""
    [^\w\s.,:;<>=/'’–—-]{1,3} | \.(?!\.) | (?<=\d)[,–-] | [,:<>=/–-](?=\d) | [^\w\s]{2,4}(?<!\.\.)(?<!--)
"""
_WORD = rf"""https?://\S*[\w/] | \w+ (?: (?: {_WITHIN} ) \w+ )*"""
_TOKEN = re.compile(rf"""{_WORD} | ['’]\w{{1,2}}\b | \.{{2,}} | -{{2,}} | [^\w\s]""", re.VERBOSE)
_SHORTEST_REPEAT = 5  # tokens: a text without a repeated 5-gram has no longer repeated one


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


@dataclass(frozen=True, slots=True)
class Repetition:
    """The share of parts that stood before, and of the text's characters in them."""

    parts: float
    characters: float


def repetition(parts: Sequence[str], total_characters: int) -> Repetition:
    """How much of the parts stood before among them."""
    counts = Counter(parts)
    if len(counts) == len(parts):
        return Repetition(0.0, 0.0)
    characters = sum(len(part) * (count - 1) for part, count in counts.items())
    return Repetition((len(parts) - len(counts)) / len(parts), characters / max(1, total_characters))


def _ngrams(tokens: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(tokens[start:] for start in range(size)), strict=False)


class Traits:
    """Measures of one text, each taken when a rule first asks for it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @functools.cached_property
    def characters(self) -> Counter[str]:
        """How often each character occurs."""
        return Counter(self.text)

    @functools.cached_property
    def kinds(self) -> Counter[str]:
        """How many characters are of each kind: see `kind_of`."""
        kinds: Counter[str] = Counter()
        for character, count in self.characters.items():
            kinds[kind_of(character)] += count
        return kinds

    @property
    def letters(self) -> int:
        """How many characters are letters, or marks that go with letters."""
        return self.kinds["letter"] + self.kinds["unspaced_letter"]

    @property
    def visible(self) -> int:
        """How many characters are no white space."""
        return len(self.text) - self.kinds["space"]

    @functools.cached_property
    def words(self) -> int:
        """How many words there are; in scripts written without spaces every letter counts as one."""
        return len(self.text.split()) + self.kinds["unspaced_letter"]

    @functools.cached_property
    def entropy_bits(self) -> float:
        """Shannon entropy of the characters, in bits per character; English prose has about 4.2."""
        total = len(self.text)
        return math.log2(total) - sum(n * math.log2(n) for n in self.characters.values()) / total

    @functools.cached_property
    def repeated_line_share(self) -> float:
        """Share of visible lines' characters in lines that stood before, blank ones not counted."""
        lines = Counter(line.strip() for line in self.text.split("\n"))
        total = sum(len(line) * count for line, count in lines.items())
        return sum(len(line) * (count - 1) for line, count in lines.items()) / total if total else 0.0

    @functools.cached_property
    def tokens(self) -> list[str]:
        """Words and marks, in order."""
        return _TOKEN.findall(self.text)

    @functools.cached_property
    def spoken_words(self) -> list[str]:
        """The tokens that are words: clitics and marks do not begin with a letter or digit."""
        return [token for token in self.tokens if token[0].isalnum()]

    @functools.cached_property
    def token_counts(self) -> Counter[str]:
        """How often each token occurs."""
        return Counter(self.tokens)

    @functools.cached_property
    def alphabetic_tokens(self) -> int:
        """How many tokens hold a letter."""
        return sum(count for token, count in self.token_counts.items() if token.lower() != token.upper())

    @functools.cached_property
    def lines(self) -> list[str]:
        """The lines that hold something."""
        return [line for line in self.text.split("\n") if line and not line.isspace()]

    @functools.cached_property
    def repeated_paragraphs(self) -> Repetition:
        """How much of the paragraphs stood before."""
        paragraphs = [part.strip("\n") for part in self.text.split("\n\n")]
        return repetition([part for part in paragraphs if part], len(self.text))

    @functools.cached_property
    def repeated_lines(self) -> Repetition:
        """How much of the lines stood before."""
        return repetition([line for line in self.text.split("\n") if line], len(self.text))

    def top_ngram_share(self, size: int, *, above: float) -> float:
        """The share of the characters that the most frequent n-gram of so many tokens makes up.

        0.0, without a count, where it cannot be above `above`: a repeated n-gram is made of repeated tokens
        and is not more frequent than what it is made of.
        """
        if len(self.tokens) < size:
            return 0.0
        once = len(" ".join(self.tokens[:size]))
        most = self._most_ngrams(size - 1) * (size * self._longest_repeated_token + size - 1)
        if max(once, most) <= above * len(self.text):
            return 0.0
        ngram, count = Counter(_ngrams(self.tokens, size)).most_common(1)[0]
        self._most[size] = count
        return count * len(" ".join(ngram)) / len(self.text)

    def repeated_ngram_share(self, size: int) -> float:
        """The share of the characters in n-grams of so many tokens that stood before, none counted twice.

        `size` is _SHORTEST_REPEAT or more.
        """
        tokens, seen = self.tokens, set()
        end = repeated = 0
        for place in self._repeats:
            if end <= place <= len(tokens) - size:
                ngram = tuple(tokens[place : place + size])
                if ngram in seen:
                    repeated += sum(map(len, ngram))
                    end = place + size
                seen.add(ngram)
        return repeated / len(self.text)

    @functools.cached_property
    def _repeats(self) -> list[int]:
        """Where n-grams of _SHORTEST_REPEAT tokens begin that occur twice: longer ones begin there too."""
        ngrams = list(_ngrams(self.tokens, _SHORTEST_REPEAT))
        counts = Counter(ngrams)
        if len(counts) == len(ngrams):
            return []
        return [place for place, ngram in enumerate(ngrams) if counts[ngram] > 1]

    @functools.cached_property
    def _longest_repeated_token(self) -> int:
        return max((len(token) for token, count in self.token_counts.items() if count > 1), default=0)

    @functools.cached_property
    def _most(self) -> dict[int, int]:
        """How often the most frequent n-gram occurs, by size, as far as it was counted."""
        return {1: max(self.token_counts.values(), default=0)}

    def _most_ngrams(self, size: int) -> int:
        """At most how often any n-gram of so many tokens occurs."""
        return min(count for counted, count in self._most.items() if counted <= size)
