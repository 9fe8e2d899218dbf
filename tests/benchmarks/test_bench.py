"""What benchmarks read from the folder that CORPUS names."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench import CORPUS, raw_texts
from pipeline.errors import DataError


def test_a_pattern_that_matches_no_file_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORPUS, str(tmp_path))
    (tmp_path / "a.md").write_text("# Of mills\n")
    (tmp_path / "b.csv").write_text("text\nnot asked for\n")
    assert list(raw_texts(("**/*.txt", "**/*.md"))) == ["# Of mills\n"]


def test_patterns_of_which_none_matches_a_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CORPUS, str(tmp_path))
    (tmp_path / "b.csv").write_text("text\nnot asked for\n")
    with pytest.raises(DataError, match="matches no file"):
        list(raw_texts(("**/*.txt", "**/*.md")))
