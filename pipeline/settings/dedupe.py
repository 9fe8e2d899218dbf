"""How the `dedupe` stage finds duplicates and splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range
from pipeline.settings.mixture import MixtureParams


@dataclass(frozen=True, slots=True)
class DedupeParams:
    """MinHash-LSH over word shingles, the shares of the held-out splits, and the blend of train."""

    shingle_words: Annotated[int, Range(1, 20)]
    num_permutations: Annotated[int, Range(16, 1024)]
    jaccard_threshold: Annotated[float, Range(0.3, 1.0)]
    val_fraction: Annotated[float, Range(0.0001, 0.4)]
    test_fraction: Annotated[float, Range(0.0001, 0.4)]
    seed: Annotated[int, Range(0, 2**31 - 1)]  # another seed, another split
    mixture: MixtureParams
