"""One more document: its shard is cleaned and signed again, no other is, and the bytes are a cold run's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.artifacts import hash_tree
from pipeline.corpus import catalogue, common_paragraphs, splitting, trimming
from pipeline.corpus.shards import ShardEnds
from pipeline.records import Document
from pipeline.settings.dedupe import DedupeParams, RepeatedParagraphsParams
from pipeline.stage import Work
from stages import clean, dedupe
from tests.corpus.collections import DEDUPE, edited, named, prose, publish
from tests.stages.test_clean import PARAMS as CLEAN

STEPS = {
    "cleaned": (clean, "clean_shard"),
    "signed": (catalogue, "sign_shard"),
    "ranges": (splitting, "write_range"),
}
CUTTING_STEPS = {
    **STEPS,
    "indexed": (common_paragraphs, "index_shard"),
    "trimmed": (trimming, "trim_shard"),
}
CUTTING = replace(DEDUPE, repeated_paragraphs=RepeatedParagraphsParams(sources=("files",), min_chars=200))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many shards each step was really done for."""
    return counting_steps(monkeypatch, STEPS)


@pytest.fixture
def counted_cutting(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The same of the steps that cut repeated paragraphs, too."""
    return counting_steps(monkeypatch, CUTTING_STEPS)


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What cold runs make of `corpus()`, and of `pages()` with their repeated paragraphs cut."""
    folder = tmp_path_factory.mktemp("cold")
    with pytest.MonkeyPatch.context() as monkeypatch:
        many_shards(monkeypatch)
        plain = built(corpus(), folder / "plain", folder / "nothing")
        return plain, built(pages(), folder / "cut", folder / "nothing yet", CUTTING)


def counting_steps(monkeypatch: pytest.MonkeyPatch, steps: Mapping[str, tuple[Any, str]]) -> dict[str, int]:
    counts = dict.fromkeys(steps, 0)
    many_shards(monkeypatch)
    for step, (module, name) in steps.items():
        monkeypatch.setattr(module, name, counting(getattr(module, name), counts, step))
    return counts


def many_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    monkeypatch.setattr(splitting, "ShardEnds", lambda: ShardEnds(max_documents=20))


def counting(function: Callable[[Any], Any], counts: dict[str, int], step: str) -> Callable[[Any], Any]:
    def counted(task: Any) -> Any:
        counts[step] += 1
        return function(task)

    return counted


def corpus(*, without: int | None = None) -> list[Document]:
    """A hundred texts, and near duplicates of every tenth of the first half."""
    texts = [named(f"{n:03d}", prose(n)) for n in range(100)]
    near = [named(f"near{n:03d}", edited(prose(n), 9, 50)) for n in range(0, 50, 10)]
    return [row for place, row in enumerate([*texts, *near]) if place != without]


def pages(*, without: int | None = None) -> list[Document]:
    """The corpus with a template above every fourth text, and one of its own above every tenth."""
    rows = corpus(without=without)
    return [
        replace(row, text=f"{prose(1000 + own)}\n\n{row.text}") if (own := template(row.id)) else row
        for row in rows
    ]


def template(name: str) -> int:
    """Which template a document of this id has, or 0."""
    number = int(name.removeprefix("files-").removeprefix("near"))
    return 1 if number % 4 == 0 else 2 + number // 25 if number % 10 == 1 else 0


def built(documents: Sequence[Document], folder: Path, work: Path, params: DedupeParams = DEDUPE) -> str:
    """The hash of all that clean and dedupe make of the documents; `work` is what they keep between runs."""
    publish(folder / "in", documents, shard_documents=20)
    cleaned = Work(folder / "work" / "clean", work / "clean", "code")
    clean.run(folder / "in", folder / "clean" / "files", source="files", params=CLEAN, work=cleaned)
    deduplicated = Work(folder / "work" / "dedupe", work / "dedupe", "code")
    dedupe.run(folder / "clean", folder / "none", folder / "out", params=params, work=deduplicated)
    return hash_tree(folder / "out")


@pytest.mark.parametrize("added", [0, 37, 99, 102])
def test_one_more_document_costs_its_shard_and_gives_the_bytes_of_a_cold_run(
    tmp_path: Path, counted: dict[str, int], cold: tuple[str, str], added: int
) -> None:
    built(corpus(without=added), tmp_path / "before", tmp_path / "lasting")
    assert min(counted.values()) >= 5
    counted.update(dict.fromkeys(counted, 0))
    assert built(corpus(), tmp_path / "after", tmp_path / "lasting") == cold[0]
    assert 1 <= counted["cleaned"] <= 2
    assert 1 <= counted["signed"] <= 2
    assert 1 <= counted["ranges"] <= 4


def test_nothing_new_costs_nothing(tmp_path: Path, counted: dict[str, int]) -> None:
    first = built(corpus(), tmp_path / "one", tmp_path / "lasting")
    counted.update(dict.fromkeys(counted, 0))
    assert built(corpus(), tmp_path / "two", tmp_path / "lasting") == first
    assert set(counted.values()) == {0}


@pytest.mark.parametrize("added", [0, 37, 61, 99, 102])
def test_one_more_document_costs_little_where_paragraphs_are_cut(
    tmp_path: Path, counted_cutting: dict[str, int], cold: tuple[str, str], added: int
) -> None:
    counts = counted_cutting
    built(pages(without=added), tmp_path / "before", tmp_path / "lasting", CUTTING)
    assert min(counts.values()) >= 5
    counts.update(dict.fromkeys(counts, 0))
    assert built(pages(), tmp_path / "after", tmp_path / "lasting", CUTTING) == cold[1]
    assert 1 <= counts["cleaned"] <= 2
    assert 1 <= counts["indexed"] <= 2
    assert counts["trimmed"] <= 3
    assert 1 <= counts["ranges"] <= 5


def test_nothing_new_costs_nothing_where_paragraphs_are_cut(
    tmp_path: Path, counted_cutting: dict[str, int]
) -> None:
    first = built(pages(), tmp_path / "one", tmp_path / "lasting", CUTTING)
    counted_cutting.update(dict.fromkeys(counted_cutting, 0))
    assert built(pages(), tmp_path / "two", tmp_path / "lasting", CUTTING) == first
    assert set(counted_cutting.values()) == {0}
