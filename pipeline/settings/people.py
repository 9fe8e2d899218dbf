"""What the `clean` stage does for the sake of people: offensive words, personal data, an audit of terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Matches, Range
from pipeline.settings.web_rules import Share, Sources

TERMS = Matches(r"[^\s:,][^:,]*:\s*[^\s:,][^:]*", "a name, a colon and terms with commas between them")


@dataclass(frozen=True, slots=True)
class BlocklistParams:
    """Words and phrases, and how much of a document they may be."""

    sources: Sources
    words: Annotated[tuple[Annotated[str, Range(1, 200)], ...], Range(0, 10_000)]
    max_share: Share  # of all words

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        if self.sources and not self.words:
            yield "sources are named and words is empty; list the words, or set sources to []"
        for word in self.words:
            if not any(character.isalnum() for character in word):
                yield f"words: {word!r} holds no letter or digit; whole words are compared"


@dataclass(frozen=True, slots=True)
class PersonalDataParams:
    """Which kinds of personal data are replaced by a placeholder."""

    sources: Sources
    mask_emails: bool
    mask_ip_addresses: bool
    mask_phone_numbers: bool
    mask_card_numbers: bool


@dataclass(frozen=True, slots=True)
class AuditParams:
    """Groups of terms whose company is reported, and of how much text."""

    sample_bytes: Annotated[int, Range(0, 1_000_000_000)]  # 0: no audit
    groups: Annotated[tuple[Annotated[str, TERMS], ...], Range(0, 40)]  # "name: term, term"

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        names = [group.partition(":")[0].strip() for group in self.groups]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"groups: {name!r} is named twice; keep one"
