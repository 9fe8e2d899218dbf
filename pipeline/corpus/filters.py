"""Why a document is dropped: tables of rules, each a small function of what was measured in the text.

A rule says whether a document breaks it; the first broken rule is the reason it is dropped for. A further
rule is a further function and a line in RULES; what several rules need to know is measured once, in `Traits`.
RULES hold for every source; language, blocklist and `families` for the sources that params name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.corpus.blocklist import listed_share
from pipeline.corpus.characters import kind_of
from pipeline.corpus.families import c4, fineweb, gopher_quality, gopher_repetition
from pipeline.corpus.gutenberg_licence import licence_phrases
from pipeline.corpus.traits import Traits
from pipeline.settings.clean import CleanParams
from pipeline.settings.language import LanguageParams
from pipeline.settings.people import BlocklistParams


def is_empty(traits: Traits, params: CleanParams) -> bool:
    """Nothing in it can be seen."""
    del params
    return all(kind_of(character) in ("space", "invisible") for character in traits.text)


def is_too_short(traits: Traits, params: CleanParams) -> bool:
    """Fewer than `min_chars` characters."""
    return len(traits.text) < params.min_chars


def is_too_long(traits: Traits, params: CleanParams) -> bool:
    """More than `max_chars` characters."""
    return len(traits.text) > params.max_chars


def has_low_entropy(traits: Traits, params: CleanParams) -> bool:
    """Filler: its characters can nearly be foretold."""
    return traits.is_entropy_below(params.min_entropy_bits)


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


def is_in_another_language(traits: Traits, params: LanguageParams) -> bool:
    """Its likeliest language is none of `keep`."""
    return traits.language.code not in params.keep


def is_in_no_sure_language(traits: Traits, params: LanguageParams) -> bool:
    """A mixture, or hardly any language: the likeliest one is less likely than `min_probability`."""
    return traits.language.probability < params.min_probability


def holds_listed_words(traits: Traits, params: BlocklistParams) -> bool:
    """Listed words and phrases are more than `max_share` of its words."""
    return listed_share(traits.text, params.words) > params.max_share


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

LANGUAGE_RULES: Mapping[str, Callable[[Traits, LanguageParams], bool]] = {
    "other_language": is_in_another_language,
    "unsure_language": is_in_no_sure_language,
}
BLOCKLIST_RULES: Mapping[str, Callable[[Traits, BlocklistParams], bool]] = {"blocklist": holds_listed_words}


@dataclass(frozen=True, slots=True)
class Judged:
    """A text as it is kept, or the reason why it is dropped ("" for none), and the lines cut from it.

    `language` is its code, or "" where no rule asked for it.
    """

    text: str
    reason: str
    lines_cut: Mapping[str, int]
    language: str


def judge(text: str, params: CleanParams, *, source: str) -> Judged:
    """Holds a repaired text against the rules for all sources, then against each family for its own.

    The published families come in the order of FineWeb: C4 cuts lines, and FineWeb's rules see what it left.
    """
    traits = Traits(text)
    language = ""
    reason = first_broken(RULES, traits, params)
    if not reason and source in params.language.sources:
        language = traits.language.code
        reason = first_broken(LANGUAGE_RULES, traits, params.language)
    if not reason and source in params.blocklist.sources:
        reason = first_broken(BLOCKLIST_RULES, traits, params.blocklist)
    if not reason and source in params.gopher_repetition.sources:
        reason = first_broken(gopher_repetition.RULES, traits, params.gopher_repetition)
    if not reason and source in params.gopher_quality.sources:
        reason = first_broken(gopher_quality.RULES, traits, params.gopher_quality)
    lines_cut: Mapping[str, int] = {}
    if not reason and source in params.c4.sources:
        sentences = c4.keep_sentences(text, params.c4)
        reason, lines_cut, traits = sentences.reason, sentences.cut, Traits(sentences.text)
        reason = reason or ("c4_too_short" if is_too_short(traits, params) else "")
    if not reason and source in params.fineweb.sources:
        reason = first_broken(fineweb.RULES, traits, params.fineweb)
    return Judged(traits.text, reason, lines_cut, language)


def first_broken(rules: Mapping[str, Callable[[Traits, Any], bool]], traits: Traits, params: Any) -> str:
    """The name of the first rule that the text breaks, or ""."""
    for reason, is_broken in rules.items():
        if is_broken(traits, params):
            return reason
    return ""
