"""lengths: counted batch after batch, the same figures as of the whole."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from pipeline.corpus.lengths import PERCENTILES, LengthCounts, Lengths


def rows(chars: list[int], *, source: str = "files", split: str = "train") -> pa.Table:
    count = len(chars)
    return pa.table(
        {
            "split": [split] * count,
            "source": [source] * count,
            "chars": chars,
            "bytes": [2 * c for c in chars],
        }
    )


@pytest.mark.parametrize("documents", [1, 2, 7, 100, 1000])
def test_percentiles_are_those_of_the_sorted_lengths(documents: int) -> None:
    draw = random.Random(documents)
    chars = [draw.randrange(1, 300) for _ in range(documents)]
    counts = LengthCounts()
    counts.add(rows(chars[: documents // 2]))
    counts.add(rows(chars[documents // 2 :]))
    found = counts.overall()
    wanted = np.percentile(chars, PERCENTILES, method="inverted_cdf")
    assert list(found.percentiles_chars.values()) == wanted.astype(int).tolist()
    assert (found.documents, found.bytes) == (documents, 2 * sum(chars))
    assert found.mean_chars == sum(chars) / documents


def test_lengths_are_told_apart_by_split_and_source() -> None:
    counts = LengthCounts()
    counts.add(pa.concat_tables([rows([5]), rows([7, 9], source="pydocs"), rows([100], split="val")]))
    assert {name: found.documents for name, found in counts.by("source").items()} == {"files": 2, "pydocs": 2}
    assert counts.by("split")["val"].mean_chars == 100


def test_no_documents_have_no_length() -> None:
    nothing = dict.fromkeys(map(str, PERCENTILES), 0)
    assert LengthCounts().overall() == Lengths(0, 0, 0.0, nothing)
