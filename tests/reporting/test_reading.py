"""Metrics files are read strictly: what is missing or of another type is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError
from pipeline.reporting.reading import read_as


@dataclass(frozen=True, slots=True)
class Inner:
    number: float
    word: str | None


@dataclass(frozen=True, slots=True)
class Outer:
    inner: dict[str, Inner]
    pair: tuple[int, int]
    words: list[str]


def test_nested_objects_become_typed_values_and_unknown_keys_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outer.json"
    path.write_text(
        '{"inner": {"a": {"number": 2, "word": null}}, "pair": [1, 2], "words": ["x"], "more": 0}'
    )
    read = read_as(path, Outer)
    assert read == Outer({"a": Inner(2.0, None)}, (1, 2), ["x"])
    assert isinstance(read.inner["a"].number, float)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"inner": {}, "pair": [1, 2]}', "words: missing"),
        (
            '{"inner": {"a": {"number": "2", "word": null}}, "pair": [1, 2], "words": []}',
            "inner.a.number: is not a number",
        ),
        ('{"inner": {"a": {"number": 2}}, "pair": [1, 2], "words": []}', "inner.a.word: missing"),
        ('{"inner": [], "pair": [1, 2], "words": []}', "inner: is not an object"),
        ('{"inner": {}, "pair": [1], "words": []}', "pair: is not a list of 2"),
        ('{"inner": {}, "pair": [1, true], "words": []}', "pair.1: is not a whole number"),
        ('{"inner"', "not valid JSON"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "outer.json"
    path.write_text(text)
    with pytest.raises(IntegrityError) as caught:
        read_as(path, Outer)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"absent\.json: missing; `dvc repro`"):
        read_as(tmp_path / "absent.json", Outer)
