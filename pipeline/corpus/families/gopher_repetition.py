"""The repetition rules of Gopher: does it say the same again and again? (arXiv:2112.11446, table A1)"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pipeline.corpus.traits import Traits
from pipeline.settings.web_rules import GopherRepetitionParams

TOP_NGRAMS = range(2, 5)  # tokens
REPEATED_NGRAMS = range(5, 11)


def repeats_paragraphs(traits: Traits, params: GopherRepetitionParams) -> bool:
    """Paragraphs that stood before are more than `max_paragraph_share`."""
    return traits.repeated_paragraphs.parts > params.max_paragraph_share


def repeats_paragraph_characters(traits: Traits, params: GopherRepetitionParams) -> bool:
    """They hold more than `max_paragraph_char_share` of the characters."""
    return traits.repeated_paragraphs.characters > params.max_paragraph_char_share


def repeats_lines(traits: Traits, params: GopherRepetitionParams) -> bool:
    """Lines that stood before are more than `max_line_share`."""
    return traits.repeated_lines.parts > params.max_line_share


def repeats_line_characters(traits: Traits, params: GopherRepetitionParams) -> bool:
    """They hold more than `max_line_char_share` of the characters."""
    return traits.repeated_lines.characters > params.max_line_char_share


def has_top_ngram(traits: Traits, params: GopherRepetitionParams, *, size: int) -> bool:
    """The commonest n-gram of `size` tokens holds more than `max_top_ngram_char_shares` allows it."""
    limit = params.max_top_ngram_char_shares[size - TOP_NGRAMS.start]
    return traits.top_ngram_share(size, above=limit) > limit


def repeats_ngrams(traits: Traits, params: GopherRepetitionParams, *, size: int) -> bool:
    """Repeated n-grams of `size` tokens hold more than `max_repeated_ngram_char_shares` allows them."""
    limit = params.max_repeated_ngram_char_shares[size - REPEATED_NGRAMS.start]
    return traits.repeated_ngram_share(size, above=limit) > limit


RULES: Mapping[str, Callable[[Traits, GopherRepetitionParams], bool]] = {
    "gopher_repeated_paragraphs": repeats_paragraphs,
    "gopher_repeated_paragraph_characters": repeats_paragraph_characters,
    "gopher_repeated_lines": repeats_lines,
    "gopher_repeated_line_characters": repeats_line_characters,
    **{f"gopher_top_{size}_gram": partial(has_top_ngram, size=size) for size in TOP_NGRAMS},
    **{f"gopher_repeated_{size}_grams": partial(repeats_ngrams, size=size) for size in REPEATED_NGRAMS},
}
