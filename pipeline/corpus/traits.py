"""What rules ask about a text, measured once: characters, words, lines, paragraphs and their repetition."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections import Counter
from dataclasses import dataclass

from pipeline.corpus.characters import Characters, Kinds, ascii_kinds, count_characters
from pipeline.corpus.language import Language, identify
from pipeline.corpus.repetition import Ngrams, Repetition, repetition
from pipeline.corpus.tokenization import tokens_of


@dataclass(frozen=True, slots=True)
class Wording:
    """Counts of tokens: `words` begin with a letter or digit, which clitics and marks do not."""

    words: int
    word_characters: int
    alphabetic: int


class Traits:
    """Measures of one text, each taken when a rule first asks for it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @functools.cached_property
    def characters(self) -> Characters:
        """How often each character occurs."""
        return count_characters(self.text)

    @functools.cached_property
    def kinds(self) -> Kinds:
        """How many characters are of each kind: see `kind_of`."""
        return ascii_kinds(self.text) if self.text.isascii() else self.characters.kinds()

    @property
    def letters(self) -> int:
        """How many characters are letters, or marks that go with letters."""
        return self.kinds.letters + self.kinds.unspaced_letters

    @property
    def visible(self) -> int:
        """How many characters are no white space."""
        return len(self.text) - self.kinds.spaces

    @functools.cached_property
    def words(self) -> int:
        """How many words there are; in scripts written without spaces every letter counts as one."""
        return len(self.chunks) + self.kinds.unspaced_letters

    @functools.cached_property
    def chunks(self) -> list[str]:
        """What stands between white space."""
        return self.text.split()

    @property
    def entropy_bits(self) -> float:
        """Shannon entropy of the characters, in bits per character; English prose has about 4.2."""
        total = len(self.text)
        counts: list[int] = self.characters.counts.tolist()
        return math.log2(total) - sum(n * math.log2(n) for n in counts) / total

    def is_entropy_below(self, bits: float) -> bool:
        """Whether the entropy is less; seldom computed, as that of the commonest character alone, the
        min-entropy, is no greater.
        """
        commonest = int(self.characters.counts.max())
        return math.log2(len(self.text) / commonest) <= bits and self.entropy_bits < bits

    @functools.cached_property
    def repeated_line_share(self) -> float:
        """Share of visible lines' characters in lines that stood before, blank ones not counted."""
        stripped = list(filter(None, map(str.strip, self._lines)))
        if len(set(stripped)) == len(stripped):
            return 0.0
        lines = Counter(stripped)
        total = sum(len(line) * count for line, count in lines.items())
        return sum(len(line) * (count - 1) for line, count in lines.items()) / total

    @functools.cached_property
    def language(self) -> Language:
        """The likeliest language."""
        return identify(self.text)

    @functools.cached_property
    def tokens(self) -> list[str]:
        """Words and marks, in order."""
        return tokens_of(self.chunks)

    @functools.cached_property
    def token_counts(self) -> Counter[str]:
        """How often each token occurs."""
        return Counter(self.tokens)

    @functools.cached_property
    def wording(self) -> Wording:
        """How many tokens are words, how long these are, and how many tokens hold a letter."""
        counts = self.token_counts
        plain = list(filter(str.isalpha, counts))
        times = list(map(counts.__getitem__, plain))
        words = alphabetic = sum(times)
        characters = sum(map(operator.mul, map(len, plain), times))
        for token in itertools.filterfalse(str.isalpha, counts):
            if token[0].isalnum():
                words += counts[token]
                characters += counts[token] * len(token)
            if any(map(str.isalpha, token)):
                alphabetic += counts[token]
        return Wording(words, characters, alphabetic)

    @functools.cached_property
    def lines(self) -> list[str]:
        """The lines that hold something."""
        return [line for line in self._lines if not line.isspace()]

    @functools.cached_property
    def repeated_lines(self) -> Repetition:
        """How much of the lines stood before."""
        return repetition(self._lines, len(self.text))

    @functools.cached_property
    def repeated_paragraphs(self) -> Repetition:
        """How much of the paragraphs stood before; where no line did, none."""
        if not self.repeated_lines.parts:
            return self.repeated_lines
        paragraphs = [part.strip("\n") for part in self.text.split("\n\n")]
        return repetition([part for part in paragraphs if part], len(self.text))

    @functools.cached_property
    def _lines(self) -> list[str]:
        """The lines that are not empty."""
        return list(filter(None, self.text.split("\n")))

    def top_ngram_share(self, size: int, *, above: float) -> float:
        """The share of the characters that the most frequent n-gram of so many tokens makes up.

        0.0, without a count, where it cannot be above `above`.
        """
        total = len(self.text)
        return self._ngrams.top_characters(size, above=above * total) / max(1, total)

    def repeated_ngram_share(self, size: int, *, above: float) -> float:
        """The share of the characters in n-grams of so many tokens that stood before, none counted twice.

        0.0, without a count, where it cannot be above `above`. `size` is 5 or more.
        """
        total = len(self.text)
        return self._ngrams.repeated_characters(size, above=above * total) / max(1, total)

    @functools.cached_property
    def _ngrams(self) -> Ngrams:
        return Ngrams(self.tokens, self.token_counts)
