"""Numbers of a params file change and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.amending import amended
from pipeline.params import load
from pipeline.settings.sections import SECTIONS

ROOT = Path(__file__).resolve().parent.parent
FILES = [ROOT / "params.yaml", *sorted((ROOT / "profiles").glob("*.yaml"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("steps", [7, 1234567])
def test_only_the_lines_of_the_values_change_and_the_comments_stay(
    path: Path, steps: int, tmp_path: Path
) -> None:
    before = path.read_text(encoding="utf-8")
    after = amended(before, {"pretrain.steps": steps, "pretrain.model.num_layers": 40})
    pairs = list(zip(before.splitlines(), after.splitlines(), strict=True))
    changed = [(old, new) for old, new in pairs if old != new]
    assert [new.split()[:2] for _, new in changed] == [["num_layers:", "40"], ["steps:", str(steps)]]
    for old, new in changed:
        assert new.index("#") == old.index("#")
        assert new.partition("#")[2] == old.partition("#")[2]
    (tmp_path / "params.yaml").write_text(after, encoding="utf-8")
    assert load(tmp_path / "params.yaml", SECTIONS)["pretrain"].steps == steps


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\n  b: 1 # why\n", "a:\n  b: 123 # why\n"),  # no room: one space is left
        ("a:\r\n  b: 1\r\n", "a:\r\n  b: 123\r\n"),
        ("\ufeffa: {b: 1, c: 2}\n", "\ufeffa: {b: 123, c: 2}\n"),
        ("ä:\n  b: 1\na:\n  b: 100     # ü\n  c: 1", "ä:\n  b: 1\na:\n  b: 123     # ü\n  c: 1"),
        ("a:\n  b: 1", "a:\n  b: 123"),
    ],
)
def test_line_ends_letters_and_other_styles_survive(before: str, after: str) -> None:
    assert amended(before, {"a.b": 123}) == after


@pytest.mark.parametrize("key", ["a.c", "b", "a", "a.b.c"])
def test_a_key_that_holds_no_value_is_an_error(key: str) -> None:
    with pytest.raises(KeyError, match=key):
        amended("a:\n  b: 1\n", {key: 2})
