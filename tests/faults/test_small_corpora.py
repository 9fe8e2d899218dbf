"""Corpora of next to nothing: they stop at the gate, before a tokenizer is trained, with a word about why."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.params import load
from pipeline.settings.sections import SECTIONS
from pipeline.stage import Work
from stages import dedupe, validate
from tests.corpus.collections import named, prose, publish
from tests.workshop import ROOT

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("documents", [1, 2, 40])
def test_a_split_without_enough_documents_is_refused_by_the_gate(tmp_path: Path, documents: int) -> None:
    params = load(ROOT / "profiles/tiny.yaml", SECTIONS)
    publish(tmp_path / "clean" / "files", [named(str(n), prose(n)) for n in range(documents)])
    metrics = dedupe.run(
        tmp_path / "clean", tmp_path, tmp_path / "out", params=params["dedupe"], work=Work(tmp_path / "work")
    )
    assert metrics.documents_kept == documents
    (tmp_path / "baseline").mkdir()
    with pytest.raises(DataError, match=r"documents"):
        validate.run(
            tmp_path / "out",
            tmp_path / "baseline",
            tmp_path / "gate",
            params=params["validate"],
            work=Work(tmp_path / "validate"),
        )
    assert not (tmp_path / "gate").exists()


def test_a_corpus_of_which_cleaning_left_nothing_is_refused(tmp_path: Path) -> None:
    params = load(ROOT / "profiles/tiny.yaml", SECTIONS)["dedupe"]
    for source in ("files", "pydocs"):
        publish(tmp_path / "clean" / source, [])
    with pytest.raises(DataError, match="cleaning left no document"):
        dedupe.run(
            tmp_path / "clean", tmp_path, tmp_path / "out", params=params, work=Work(tmp_path / "work")
        )
    assert not (tmp_path / "out").exists()
