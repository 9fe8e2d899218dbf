"""paragraphs: parted at blank lines, the same whatever case and white space, and put together again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus.paragraphs import IndexTask, index_shard, keys_of, parted
from pipeline.corpus.shards import shard_paths
from pipeline.corpus.signing import KEYS, ROWS
from pipeline.records import Document
from tests.corpus.collections import named, prose, publish

HOSTILE = [
    "",
    "\n",
    "\n\n\n\n",
    " \n\t\n \n",
    "one line and no end",
    "x" * 2**20,
    "\n".join("line" for _ in range(200_000)),
    "\n" * 2**20,
    "\n" + " " * 2**20 + "x",
    ("\n" + " " * 1000) * 1000 + "x",
    "\n\nstarts\n\n\nand ends\n\n",
    "a\u2028\u2028b\u2029c\x85\x85d\r\n\r\ne\r\rf",
    "\ufeff\n\n\u202e\x00\n\n<b>\n\n\U0001f600" * 20,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_lost_between_paragraphs(text: str) -> None:
    parts = parted(text)
    pairs = zip(parts.paragraphs, parts.gaps, strict=True)
    assert "".join(paragraph + gap for paragraph, gap in pairs) == text
    assert parts.without([False] * len(parts.paragraphs)) == text
    assert parts.without([True] * len(parts.paragraphs)) == ""
    is_long, keys = keys_of(parts.paragraphs, min_chars=20)
    assert len(is_long) == len(parts.paragraphs)
    assert len(keys) == is_long.sum()


def test_a_paragraph_goes_with_the_blank_lines_after_it() -> None:
    parts = parted("one\n\n  two\nlines\n \t\n\nthree\n\n\nfour")
    assert parts.paragraphs == ("one", "  two\nlines", "three", "four")
    assert parts.without([False, True, False, False]) == "one\n\nthree\n\n\nfour"
    assert parts.without([True, False, False, True]) == "  two\nlines\n \t\n\nthree"
    assert parts.without([True, True, True, False]) == "four"


def test_a_line_end_of_windows_is_no_blank_line_and_two_are_one() -> None:
    assert parted("one\r\ntwo\r\n\r\nthree").paragraphs == ("one\r\ntwo\r", "three")


def test_case_and_white_space_do_not_tell_paragraphs_apart() -> None:
    text = prose(1)
    forms = [text, text.upper(), text.replace(" ", "\n  "), f"  {text}\r", text.replace(" ", "\u2028")]
    is_long, keys = keys_of([*forms, prose(2)], min_chars=200)
    assert is_long.all()
    assert len(set(keys[:-1].tolist())) == 1
    assert keys[-1] != keys[0]


@pytest.mark.parametrize(("letter", "folded"), [("a", 1), ("ß", 2), ("ﬃ", 3), ("é", 1), ("水", 1)])
def test_characters_are_those_of_the_normalized_text(letter: str, folded: int) -> None:
    paragraphs = [letter * count for count in (19, 20, 40, 60)]
    is_long, keys = keys_of(paragraphs, min_chars=60)
    assert is_long.tolist() == [folded * count >= 60 for count in (19, 20, 40, 60)]
    assert len(keys) == is_long.sum()


def indexed(folder: Path, documents: list[Document], *sources: str) -> list[tuple[int, int]]:
    """The pairs of key and row that are found of documents in one shard."""
    (shard,) = shard_paths(publish(folder / "in", documents, shard_documents=100_000))
    prefix = str(folder / "index")
    found = index_shard(IndexTask(str(shard), prefix, sources, 200))
    keys, rows = np.load(prefix + KEYS), np.load(prefix + ROWS)
    assert keys.shape == rows.shape == (1, found.paragraphs)
    pairs = list(zip(keys[0].tolist(), rows[0].tolist(), strict=True))
    assert pairs == sorted(pairs)
    return pairs


def test_a_shard_is_indexed_by_the_long_paragraphs_of_its_sources(tmp_path: Path) -> None:
    one, two = prose(1), prose(2)
    texts = [f"{one}\n\n{two}", f"short\n\n{two}\n\n{two.upper()}", "short", one]
    documents = [named(f"{n}", text) for n, text in enumerate(texts)]
    documents.append(named("4", one, source="pydocs"))
    pairs = indexed(tmp_path, documents, "files", "wikipedia")
    keys = keys_of([one, two], min_chars=200)[1].tolist()
    assert pairs == sorted([(keys[0], 0), (keys[1], 0), (keys[1], 1), (keys[0], 3)])


@pytest.mark.parametrize("documents", [[named("a", "short")], [named("a", prose(1), source="pydocs")]])
def test_a_shard_without_such_paragraphs_is_indexed_as_none(
    tmp_path: Path, documents: list[Document]
) -> None:
    assert indexed(tmp_path, documents, "files") == []


def test_long_shards_are_indexed_in_parts(tmp_path: Path) -> None:
    documents = [named(f"{n:03d}", f"{prose(n, words=300)}\n\n{prose(500)}") for n in range(400)]
    rows = [row for _, row in indexed(tmp_path, documents, "files")]
    assert sorted(rows) == sorted([*range(400), *range(400)])
