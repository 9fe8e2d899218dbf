"""What the `validate` stage demands of the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Matches, Range

LANGUAGE_CODE = Matches(r"[a-z]{2,3}", "a language code such as en")


@dataclass(frozen=True, slots=True)
class ValidateParams:
    """Thresholds of the Great Expectations suite."""

    min_train_documents: Annotated[int, Range(1, 1_000_000_000)]
    min_heldout_documents: Annotated[int, Range(1, 1_000_000_000)]  # of val and of test
    min_chars: Annotated[int, Range(1, 1_000_000)]
    max_chars: Annotated[int, Range(100, 1_000_000_000)]
    languages: Annotated[tuple[Annotated[str, LANGUAGE_CODE], ...], Range(0, 40)]  # empty: not asked
    near_duplicate_sample: Annotated[int, Range(0, 100_000)]  # held-out documents; 0: not looked for
    max_near_duplicate_share: Annotated[float, Range(0.0, 1.0)]  # of the sample
    max_drift_share: Annotated[
        float, Range(0.0, 100.0)
    ]  # change of mean document length against the baseline
    max_source_drift: Annotated[float, Range(0.0, 1.0)]  # change of a source's share of all bytes
    seed: Annotated[int, Range(0, 2**31 - 1)]  # picks the sample

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        if self.min_chars > self.max_chars:
            yield f"min_chars {self.min_chars} must not be above max_chars {self.max_chars}"
