"""reuse: results of the last run are used again where nothing they follow from has changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.reuse import Results

made: list[str] = []


@dataclass(frozen=True, slots=True)
class Task:
    text: str
    path: str


@dataclass(frozen=True, slots=True)
class Length:
    characters: int


def write(task: Task) -> Length:
    made.append(task.text)
    Path(task.path).write_text(task.text, encoding="utf-8")
    return Length(len(task.text))


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    made.clear()


def run(folder: Path, *texts: str, code: str = "") -> list[str]:
    """Which of the texts had to be made; all of them are there afterwards, and nothing else."""
    results = Results(folder, code=code)
    tasks = {results.key(text): Task(text, str(results.file(results.key(text), ".txt"))) for text in texts}
    lengths = results.map_shards(write, tasks, result=Length, label="writing")
    assert list(lengths.values()) == [Length(len(text)) for text in texts]
    assert sorted(path.read_text(encoding="utf-8") for path in folder.glob("*.txt")) == sorted(texts)
    found, made[:] = made.copy(), []
    return found


def test_only_what_is_new_is_made_and_what_is_not_asked_for_goes(tmp_path: Path) -> None:
    assert run(tmp_path, "one", "two", "three") == ["one", "two", "three"]
    assert run(tmp_path, "zero", "one", "three") == ["zero"]
    assert run(tmp_path, "two") == ["two"]
    assert run(tmp_path) == []


def test_other_code_makes_all_anew(tmp_path: Path) -> None:
    run(tmp_path, "one", code="a")
    assert run(tmp_path, "one", code="b") == ["one"]


@pytest.mark.parametrize("damage", ["file", "missing file", "record", "hashes", "hashes are no object"])
def test_what_is_damaged_is_made_again(tmp_path: Path, damage: str) -> None:
    run(tmp_path, "one", "two")
    file = next(path for path in tmp_path.glob("*.txt") if path.read_text(encoding="utf-8") == "one")
    if damage == "file":
        file.write_text("0ne", encoding="utf-8")
    elif damage == "missing file":
        file.unlink()
    elif damage == "record":
        file.with_suffix(".done.json").write_bytes(b"{")
    else:
        (tmp_path / "hashes.json").write_bytes(b"{" if damage == "hashes" else b"[]")
    assert run(tmp_path, "one", "two") == (["one", "two"] if damage.startswith("hashes") else ["one"])
    assert run(tmp_path, "one", "two") == []


def test_what_a_run_that_was_cut_short_left_is_used_or_taken_away(tmp_path: Path) -> None:
    run(tmp_path, "one", "two")
    (tmp_path / "hashes.json").unlink()
    (tmp_path / ".half.txt.writing").write_bytes(b"ha")
    assert run(tmp_path, "one", "two") == []
    assert not list(tmp_path.glob(".*"))
