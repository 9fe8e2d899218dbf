"""How long the documents of a corpus are, by split and by source, counted batch after batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many documents there are, how large they are, and how their lengths in characters are spread."""

    documents: int
    bytes: int
    mean_chars: float
    percentiles_chars: Mapping[str, int]


@dataclass(slots=True)
class LengthCounts:
    """How many documents have each length, by split and source: exact, in memory that the lengths bound."""

    chars: dict[tuple[str, str], Counter[int]] = field(default_factory=dict)
    bytes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, measures: pa.Table) -> None:
        """Counts the rows, which have columns split, source, chars and bytes."""
        for split in measures["split"].unique().to_pylist():
            in_split = measures.filter(pc.equal(measures["split"], split))
            for source in in_split["source"].unique().to_pylist():
                rows = in_split.filter(pc.equal(in_split["source"], source))
                values, counts = np.unique(rows["chars"].to_numpy(), return_counts=True)
                counted = dict(zip(values.tolist(), counts.tolist(), strict=True))
                self.chars.setdefault((split, source), Counter()).update(counted)
                self.bytes[split, source] += pc.sum(rows["bytes"]).as_py()

    def overall(self) -> Lengths:
        """The lengths of all documents; of none, zeros."""
        return self._of(list(self.chars))

    def by(self, what: Literal["split", "source"]) -> dict[str, Lengths]:
        """The lengths of the documents of each split or source, in alphabetical order."""
        place = ("split", "source").index(what)
        names = sorted({key[place] for key in self.chars})
        return {name: self._of([key for key in self.chars if key[place] == name]) for name in names}

    def _of(self, keys: list[tuple[str, str]]) -> Lengths:
        counts: Counter[int] = Counter()
        for key in keys:
            counts.update(self.chars[key])
        documents = counts.total()
        chars = sum(length * times for length, times in counts.items())
        return Lengths(
            documents=documents,
            bytes=sum(self.bytes[key] for key in keys),
            mean_chars=chars / max(documents, 1),
            percentiles_chars=_percentiles(counts),
        )


def _percentiles(counts: Counter[int]) -> dict[str, int]:
    """For each percentile the smallest length that so many per cent of the documents do not exceed."""
    lengths = sorted(counts)
    reached = np.cumsum([counts[length] for length in lengths] or [0])
    ranks = {percent: max(-(-int(reached[-1]) * percent // 100), 1) for percent in PERCENTILES}
    return {
        str(percent): lengths[int(np.searchsorted(reached, rank))] if lengths else 0
        for percent, rank in ranks.items()
    }
