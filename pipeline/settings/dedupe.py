"""How the `dedupe` stage finds duplicates and splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Matches, Range
from pipeline.settings.mixture import MixtureParams
from pipeline.settings.web_rules import Sources

EvaluationSet = Annotated[
    str, Matches(r"\w[\w.-]*(/\w[\w.-]*)*", "a file or folder below data/sources/evaluations")
]


@dataclass(frozen=True, slots=True)
class RepeatedParagraphsParams:
    """Whose paragraphs are left to one document each, and how long they must be."""

    sources: Sources
    min_chars: Annotated[int, Range(20, 1_000_000)]  # also what must be left of a document


@dataclass(frozen=True, slots=True)
class DedupeParams:
    """Evaluation sets to keep out, MinHash-LSH over word shingles, the shares of the held-out splits, what
    is done about repeated paragraphs, and the blend of train.
    """

    shingle_words: Annotated[int, Range(1, 20)]
    num_permutations: Annotated[int, Range(16, 1024)]
    jaccard_threshold: Annotated[float, Range(0.3, 1.0)]
    val_fraction: Annotated[float, Range(0.0001, 0.4)]
    test_fraction: Annotated[float, Range(0.0001, 0.4)]
    seed: Annotated[int, Range(0, 2**31 - 1)]  # another seed, another split
    repeated_paragraphs: RepeatedParagraphsParams
    mixture: MixtureParams
    decontaminate: Annotated[tuple[EvaluationSet, ...], Range(0, 100)]
    decontamination_words: Annotated[int, Range(5, 100)]  # in a row, in a document and in an item

    def problems(self) -> Iterator[str]:
        """A set named twice, or within another."""
        for name in self.decontaminate:
            for other in self.decontaminate:
                if name != other and name.startswith(f"{other}/"):
                    yield f"decontaminate: {name} is part of {other}; name one of them"
        if len(set(self.decontaminate)) < len(self.decontaminate):
            yield "decontaminate: a set is named twice; name it once"
