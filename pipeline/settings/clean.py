"""What the `clean` stage keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range
from pipeline.settings.language import LanguageParams
from pipeline.settings.people import AuditParams, BlocklistParams, PersonalDataParams
from pipeline.settings.web_rules import (
    C4Params,
    FinewebParams,
    GopherQualityParams,
    GopherRepetitionParams,
    Sources,
)


@dataclass(frozen=True, slots=True)
class UnwrapLinesParams:
    """Whose lines were broken at a margin, and are joined to paragraphs."""

    sources: Sources


@dataclass(frozen=True, slots=True)
class CleanParams:
    """Bounds of an acceptable document; lengths count characters after repair."""

    min_chars: Annotated[int, Range(1, 1_000_000)]
    max_chars: Annotated[int, Range(100, 1_000_000_000)]
    max_word_chars: Annotated[float, Range(3, 1000)]  # mean word length above this is not prose
    min_alphabetic_share: Annotated[float, Range(0, 1)]  # share of letters among non-space characters
    max_duplicate_line_share: Annotated[float, Range(0, 1)]  # share of characters in repeated lines
    min_entropy_bits: Annotated[float, Range(0, 8)]  # per character, below it the text is filler
    gopher_repetition: GopherRepetitionParams
    gopher_quality: GopherQualityParams
    c4: C4Params
    fineweb: FinewebParams
    language: LanguageParams
    blocklist: BlocklistParams
    personal_data: PersonalDataParams
    audit: AuditParams
    unwrap_lines: UnwrapLinesParams

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        if self.min_chars >= self.max_chars:
            yield f"min_chars {self.min_chars} must be below max_chars {self.max_chars}"
