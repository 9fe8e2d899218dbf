"""The quality rules of Gopher: is it prose at all? (Rae et al., arXiv:2112.11446, A1.1)"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pipeline.corpus.traits import Traits
from pipeline.settings.web_rules import GopherQualityParams

STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
_BULLETS = ("•", "-")
_BULLET_LINE = re.compile(rf"^[^\S\n]*[{''.join(_BULLETS)}]", re.MULTILINE)
_ELLIPSES = ("...", "…")


def has_few_words(traits: Traits, params: GopherQualityParams) -> bool:
    """Fewer words than `min_words`."""
    return traits.wording.words < params.min_words


def has_many_words(traits: Traits, params: GopherQualityParams) -> bool:
    """More words than `max_words`."""
    return traits.wording.words > params.max_words


def has_short_words(traits: Traits, params: GopherQualityParams) -> bool:
    """The mean word is shorter than `min_mean_word_chars`."""
    return traits.wording.word_characters < params.min_mean_word_chars * traits.wording.words


def has_long_words(traits: Traits, params: GopherQualityParams) -> bool:
    """The mean word is longer than `max_mean_word_chars`."""
    return traits.wording.word_characters > params.max_mean_word_chars * traits.wording.words


def has_hashes(traits: Traits, params: GopherQualityParams) -> bool:
    """More hash signs per token than `max_symbol_share`."""
    return traits.text.count("#") > params.max_symbol_share * len(traits.tokens)


def has_ellipses(traits: Traits, params: GopherQualityParams) -> bool:
    """More ellipses per token than `max_symbol_share`."""
    return sum(map(traits.text.count, _ELLIPSES)) > params.max_symbol_share * len(traits.tokens)


def is_a_list(traits: Traits, params: GopherQualityParams) -> bool:
    """Lines that start with a bullet are more than `max_bullet_line_share`."""
    most = params.max_bullet_line_share * len(traits.lines)
    if sum(map(traits.text.count, _BULLETS)) <= most:
        return False
    return len(_BULLET_LINE.findall(traits.text)) > most


def is_cut_short(traits: Traits, params: GopherQualityParams) -> bool:
    """Lines that end in an ellipsis are more than `max_ellipsis_line_share`: teasers of other pages."""
    if not any(mark in traits.text for mark in _ELLIPSES):
        return False
    cut = sum([line.rstrip().endswith(_ELLIPSES) for line in traits.lines])
    return cut > params.max_ellipsis_line_share * len(traits.lines)


def has_few_alphabetic_words(traits: Traits, params: GopherQualityParams) -> bool:
    """Tokens with a letter are less than `min_alphabetic_share`."""
    return traits.wording.alphabetic < params.min_alphabetic_share * len(traits.tokens)


def has_few_stop_words(traits: Traits, params: GopherQualityParams) -> bool:
    """Fewer than `min_stop_words` different ones of the eight commonest English words."""
    return len(STOP_WORDS.intersection(traits.token_counts)) < params.min_stop_words


RULES: Mapping[str, Callable[[Traits, GopherQualityParams], bool]] = {
    "gopher_few_words": has_few_words,
    "gopher_many_words": has_many_words,
    "gopher_short_words": has_short_words,
    "gopher_long_words": has_long_words,
    "gopher_hashes": has_hashes,
    "gopher_ellipses": has_ellipses,
    "gopher_list": is_a_list,
    "gopher_cut_short": is_cut_short,
    "gopher_few_alphabetic_words": has_few_alphabetic_words,
    "gopher_few_stop_words": has_few_stop_words,
}
