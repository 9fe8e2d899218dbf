"""evaluations: every format gives its items, and what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.corpus.evaluations import Item, read_set
from pipeline.errors import DataError
from tests.corpora import corpora

FILES = {
    "a.jsonl": '\ufeff{"q": "Why?", "choices": ["because", {"deep": "so"}]}\n\n{"n": 2}\n["x \\ud800"]\n',
    "b.json": '[{"q": "one"}, "two"]',
    "c.csv": 'head,other\n"a, b",c\n',
    "d.tsv": 'head\tother\nsay "hi\tthere\n',
    "e.txt": "first\n\n  second\n",
}
ITEMS = {
    "a.jsonl": [Item("set/a.jsonl:1", ("Why?", "because", "so")), Item("set/a.jsonl:3", ("x ?",))],
    "b.json": [Item("set/b.json:1", ("one",)), Item("set/b.json:2", ("two",))],
    "c.csv": [Item("set/c.csv:1", ("a, b", "c"))],
    "d.tsv": [Item("set/d.tsv:1", ('say "hi', "there"))],
    "e.txt": [Item("set/e.txt:1", ("first",)), Item("set/e.txt:2", ("second",))],
}


def test_a_set_is_a_file_or_all_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name, text in FILES.items():
        (tmp_path / "set" / name).write_text(text, encoding="utf-8")
        assert read_set(tmp_path, f"set/{name}") == ITEMS[name]
    assert read_set(tmp_path, "set") == [item for items in ITEMS.values() for item in items]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("x.jsonl", b"{", "cannot be read"),
        ("x.jsonl", b'{"a": "\xff"}', "cannot be read"),
        ("x.json", b"[" * 100_000, "cannot be read"),
        ("x.json", b"[" * 100 + b"]" * 100, "nested deeper"),
        ("x.csv", b'a\n"' + b"x" * (1 << 20) + b'"\n', "cannot be read"),
        ("x.bin", b"", r"is no \.csv, \.json"),
        ("x.txt", b"\n", "holds no item"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: .*{problem}"):
        read_set(tmp_path, name)


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"boolq: is not there; put the set there"):
        read_set(tmp_path, "boolq")


def test_real_sets_are_read_whole() -> None:
    folder = corpora("evals")
    counts = {"lambada": 5153, "llm_foundry_icl/boolq.jsonl": 3270, "openbookqa/test.tsv": 500}
    assert {name: len(read_set(folder, name)) for name in counts} == counts
