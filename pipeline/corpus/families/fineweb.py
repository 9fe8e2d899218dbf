"""The line rules of FineWeb: does it run on, or is it a list? (Penedo et al., arXiv:2406.17557, 3.6)"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.corpus.repetition import repetition
from pipeline.corpus.traits import Traits
from pipeline.settings.web_rules import FinewebParams

# Sentence ends of Unicode's property Sentence_Terminal, in the scripts of most web pages.
END_MARKS = frozenset(".!?…‼⁇⁈⁉。．！？｡।॥؟۔։።፧၊။។៕᠃᠉꓿")


def has_few_ended_lines(traits: Traits, params: FinewebParams) -> bool:
    """Lines that end as a sentence does are less than `min_ended_line_share`."""
    ended = sum([line[-1] in END_MARKS for line in traits.lines])
    return ended < params.min_ended_line_share * len(traits.lines)


def has_short_lines(traits: Traits, params: FinewebParams) -> bool:
    """Lines of at most `short_line_chars` characters are more than `max_short_line_share`."""
    short = sum([len(line) <= params.short_line_chars for line in traits.lines])
    return short > params.max_short_line_share * len(traits.lines)


def repeats_line_characters(traits: Traits, params: FinewebParams) -> bool:
    """Lines that stood before hold more than `max_repeated_line_char_share` of the characters."""
    total = len(traits.text) - traits.text.count("\n")
    return repetition(traits.lines, total).characters > params.max_repeated_line_char_share


def has_many_line_ends(traits: Traits, params: FinewebParams) -> bool:
    """More line ends per token than `max_line_ends_per_token`."""
    line_ends = traits.text.count("\n")
    if line_ends <= params.max_line_ends_per_token * len(traits.chunks):
        return False  # there are at least as many tokens, which take longer to find
    return line_ends > params.max_line_ends_per_token * len(traits.tokens)


RULES: Mapping[str, Callable[[Traits, FinewebParams], bool]] = {
    "fineweb_few_ended_lines": has_few_ended_lines,
    "fineweb_short_lines": has_short_lines,
    "fineweb_repeated_line_characters": repeats_line_characters,
    "fineweb_many_line_ends": has_many_line_ends,
}
