"""Why a document is dropped: a table of rules, each a small function of what was measured in the text.

A rule says whether a document breaks it; the first broken rule is the reason it is dropped for. A further
rule is a further function and a line in RULES; what several rules need to know is measured once, in `Traits`.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping

from pipeline.corpus.gutenberg_licence import licence_phrases
from pipeline.settings.clean import CleanParams

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


def is_empty(traits: Traits, params: CleanParams) -> bool:
    """Nothing in it can be seen."""
    del params
    return not any(kind_of(character) not in {"space", "invisible"} for character in traits.characters)


def is_too_short(traits: Traits, params: CleanParams) -> bool:
    """Fewer than `min_chars` characters."""
    return len(traits.text) < params.min_chars


def is_too_long(traits: Traits, params: CleanParams) -> bool:
    """More than `max_chars` characters."""
    return len(traits.text) > params.max_chars


def has_low_entropy(traits: Traits, params: CleanParams) -> bool:
    """Filler: its characters can nearly be foretold."""
    return traits.entropy_bits < params.min_entropy_bits


def has_long_words(traits: Traits, params: CleanParams) -> bool:
    """Addresses, keys, encoded data: the mean word is longer than `max_word_chars`."""
    return traits.visible > params.max_word_chars * traits.words


def has_few_letters(traits: Traits, params: CleanParams) -> bool:
    """Tables, dumps, rulers: letters are less than `min_alphabetic_share` of what can be seen."""
    return traits.letters < params.min_alphabetic_share * traits.visible


def repeats_lines(traits: Traits, params: CleanParams) -> bool:
    """Lines that stood before are more than `max_duplicate_line_share` of it."""
    return traits.repeated_line_share > params.max_duplicate_line_share


def holds_licence(traits: Traits, params: CleanParams) -> bool:
    """It quotes Project Gutenberg's licence or marks, which no text may bring into the corpus."""
    del params
    return licence_phrases(traits.text) > 0


RULES: Mapping[str, Callable[[Traits, CleanParams], bool]] = {
    "empty": is_empty,
    "too_short": is_too_short,
    "too_long": is_too_long,
    "low_entropy": has_low_entropy,
    "long_words": has_long_words,
    "few_letters": has_few_letters,
    "repeated_lines": repeats_lines,
    "gutenberg_licence": holds_licence,
}


def reason_to_drop(text: str, params: CleanParams) -> str:
    """The first rule that the text breaks, or "" for a text to keep."""
    traits = Traits(text)
    return next((reason for reason, is_broken in RULES.items() if is_broken(traits, params)), "")
