"""The thresholds of the published rule families for text of the web; each family names its sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pipeline.params import Range

Source = Literal["pydocs", "files", "gutenberg", "openwebtext", "wikipedia", "commoncrawl"]
Sources = Annotated[tuple[Source, ...], Range(0, 6)]  # the family's rules hold for these; none: it is off
Share = Annotated[float, Range(0, 1)]


@dataclass(frozen=True, slots=True)
class GopherRepetitionParams:
    """Above which share of a text a repeated part of it counts."""

    sources: Sources
    max_paragraph_share: Share  # of all paragraphs
    max_paragraph_char_share: Share  # of all characters, as all below but the next
    max_line_share: Share  # of all lines
    max_line_char_share: Share
    max_top_ngram_char_shares: Annotated[tuple[Share, ...], Range(3, 3)]  # of 2, 3 and 4 tokens
    max_repeated_ngram_char_shares: Annotated[tuple[Share, ...], Range(6, 6)]  # of 5 to 10 tokens


@dataclass(frozen=True, slots=True)
class GopherQualityParams:
    """Bounds of prose."""

    sources: Sources
    min_words: Annotated[int, Range(0, 1_000_000)]
    max_words: Annotated[int, Range(1, 1_000_000_000)]
    min_mean_word_chars: Annotated[float, Range(0, 1000)]
    max_mean_word_chars: Annotated[float, Range(0, 1000)]
    max_symbol_share: Share  # hash signs, and ellipses, per token
    max_bullet_line_share: Share
    max_ellipsis_line_share: Share
    min_alphabetic_share: Share  # tokens with a letter
    min_stop_words: Annotated[int, Range(0, 8)]  # different ones of the eight commonest English words


@dataclass(frozen=True, slots=True)
class C4Params:
    """Which lines are no sentences, and how many sentences a text must have."""

    sources: Sources
    require_end_mark: bool  # a line must end in . ? ! or a quotation mark
    min_line_words: Annotated[int, Range(0, 1000)]
    max_word_chars: Annotated[int, Range(1, 1_000_000)]
    min_sentences: Annotated[int, Range(0, 1000)]
    cut_citations: bool  # [1], [edit]
    drop_curly_brackets: bool  # texts with {: code


@dataclass(frozen=True, slots=True)
class FinewebParams:
    """Bounds of text that runs on."""

    sources: Sources
    min_ended_line_share: Share
    short_line_chars: Annotated[int, Range(0, 10_000)]
    max_short_line_share: Share
    max_repeated_line_char_share: Share
    max_line_ends_per_token: Annotated[float, Range(0, 1000)]
