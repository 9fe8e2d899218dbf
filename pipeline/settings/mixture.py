"""How the sources are blended in the train split: one subsection per source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range


@dataclass(frozen=True, slots=True)
class SourceMixture:
    """What one source may give."""

    max_bytes: Annotated[int, Range(1, 10**15)] | None  # of text in train; null: no cap
    # its part of the text against the other sources that have one; null: all there is
    weight: Annotated[float, Range(0.0001, 10_000)] | None


@dataclass(frozen=True, slots=True)
class MixtureParams:
    """Every source of `ingest`, under its name."""

    pydocs: SourceMixture
    files: SourceMixture
    gutenberg: SourceMixture
    openwebtext: SourceMixture
    wikipedia: SourceMixture
    commoncrawl: SourceMixture
