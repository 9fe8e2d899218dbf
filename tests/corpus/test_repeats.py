"""repeats: every value that occurs twice is found, in one pass or in many."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.corpus import repeats


@pytest.mark.parametrize("at_once", [3, 1000])
def test_values_are_counted_across_all_chunks(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "KEYS_AT_ONCE", at_once)
    chunks = [pa.chunked_array([[f"id{n % 7}", f"once{n}"]]) for n in range(9)]
    assert repeats.repeated(lambda: iter(chunks), rows=18) == {"id0": 2, "id1": 2}


def test_values_that_only_share_a_hash_are_no_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats.pd.util, "hash_array", lambda values, categorize: [1] * len(values))
    assert repeats.repeated(lambda: iter([pa.chunked_array([["a", "b", "b"]])]), rows=3) == {"b": 2}


def test_nothing_is_repeated_in_nothing() -> None:
    assert repeats.repeated(lambda: iter([]), rows=0) == {}
