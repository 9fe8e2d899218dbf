"""Pairs: where they come from, what of them is learned, and which files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DataError
from pipeline.model.instructions import ChatIds, Pair, PairLimits, file_pairs, found_pairs, prepared
from pipeline.model.losses import IGNORED
from pipeline.records import Document
from tests.tokens.material import publish_documents

CHAT = ChatIds(bos_id=1, user_id=4, assistant_id=5, end_id=6, pad_id=3)
LIMITS = PairLimits(most_pairs=100, context_tokens=16, seed=1)


def encode(text: str) -> list[int]:
    """One id a character."""
    return [ord(char) for char in text]


def documented(symbol: str, summary: str, *, kind: str = "function", source: str = "pydocs") -> Document:
    detail = {"module": "numpy.linalg", "symbol": symbol, "kind": kind, "signature": "(x, ord=None)"}
    metadata = json.dumps(detail | {"summary": summary, "package": "numpy", "version": "2"})
    return Document(f"{source}-{symbol}", source, symbol, "", "", metadata, "Text.")


def corpus(folder: Path, train: list[Document], val: list[Document]) -> Path:
    publish_documents(folder / "train", train)
    publish_documents(folder / "val", val)
    return folder


def written(folder: Path, name: str, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def test_documented_symbols_become_questions(tmp_path: Path) -> None:
    train = [
        documented("norm", "Matrix or vector norm."),
        documented("LinAlgError", "Raised by linalg.", kind="class"),
        documented("", "Linear algebra.", kind="module"),
        documented("silent", ""),
        Document("files-1", "files", "a.txt", "", "", "{}", "Text."),
    ]
    found = found_pairs(corpus(tmp_path, train, [documented("inv", "Compute the inverse.")]), None)
    assert found["train"] == [
        Pair("What does `numpy.linalg.norm(x, ord=None)` do?", "Matrix or vector norm."),
        Pair("What is `numpy.linalg.LinAlgError`?", "Raised by linalg."),
        Pair("What is `numpy.linalg`?", "Linear algebra."),
    ]
    assert [pair.response for pair in found["val"]] == ["Compute the inverse."]


def test_a_prompt_of_train_is_not_used_for_validation(tmp_path: Path) -> None:
    same = documented("norm", "Matrix or vector norm.")
    other = documented("norm", "Another sentence.")
    found = found_pairs(corpus(tmp_path, [same], [other, documented("inv", "Inverse.")]), None)
    assert [pair.response for pair in found["val"]] == ["Inverse."]


def test_pairs_are_read_from_json_and_jsonl_files(tmp_path: Path) -> None:
    written(
        tmp_path,
        "b.jsonl",
        '{"prompt": "Hi", "response": "Hello"}\n\n{"instruction": "Add", "output": "3"}\n',
    )
    written(tmp_path, "a.json", '[{"instruction": "Sort", "input": "3 1 2", "output": "1 2 3"}]')
    written(tmp_path, "README.md", "what these are")
    assert list(file_pairs(tmp_path)) == [
        Pair("Sort\n\n3 1 2", "1 2 3"),
        Pair("Hi", "Hello"),
        Pair("Add", "3"),
    ]


def test_pairs_of_files_are_divided_by_their_prompts(tmp_path: Path) -> None:
    entries = [{"prompt": f"Question {number}", "response": "Answer"} for number in range(400)]
    written(tmp_path, "all.json", json.dumps(entries))
    found = found_pairs(None, tmp_path)
    assert len(found["train"]) + len(found["val"]) == 400
    assert 5 <= len(found["val"]) <= 40
    assert found == found_pairs(None, tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.jsonl",
            '{"prompt": "x", "response": "y"}\n{"prompt": 3}\n',
            r"a\.jsonl line 2: prompt or instruction",
        ),
        ("a.jsonl", '{"prompt": "x"}\n', r"a\.jsonl line 1: response or output must be there"),
        (
            "a.jsonl",
            '{"prompt": " ", "response": "y"}\n',
            r"a\.jsonl line 1: prompt or instruction .* not empty",
        ),
        ("a.jsonl", '{"prompt": "x", "response": "y", "input": 4}\n', r"a\.jsonl line 1: input must"),
        ("a.jsonl", "nonsense\n", r"a\.jsonl line 1: not valid JSON"),
        (
            "a.jsonl",
            '{"prompt": "\\ud800", "response": "y"}',
            r"a\.jsonl line 1: prompt holds a lone surrogate",
        ),
        ("a.json", "[" * 100_000, r"a\.json: not valid JSON"),
        ("a.json", '{"prompt": "x", "response": "y"}', r"a\.json: must be a list of objects"),
        ("a.json", "[3]", r"a\.json entry 0: must be an object"),
        ("a.json", b"\xff\xfe[", r"a\.json: not UTF-8 at byte 0"),
        ("a.csv", "prompt,response\n", r"a\.csv: not a \.json or \.jsonl file"),
    ],
)
def test_what_is_no_pair_is_refused_with_its_place(
    name: str, text: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        list(file_pairs(written(tmp_path / "files", name, text)))


def test_only_the_response_and_its_end_are_learned() -> None:
    rows, account = prepared([Pair("ab", "cd"), Pair("a", "longer")], encode, chat=CHAT, limits=LIMITS)
    by_length = sorted(range(2), key=lambda number: len(rows.pairs[number].ids))
    batch = rows.batch(by_length)
    a, b, c, d = encode("abcd")
    assert batch.tokens_BT[0].tolist() == [1, 4, a, b, 6, 5, c, d, 3, 3, 3]
    assert batch.targets_BT[0].tolist() == [IGNORED] * 5 + [c, d, 6] + [IGNORED] * 3
    assert batch.targets_BT[1].tolist() == [IGNORED] * 4 + [*encode("longer"), 6]
    assert batch.num_targets == 10
    assert account.kept == 2


def test_pairs_are_cut_to_the_context_and_accounted_for() -> None:
    pairs = [Pair("ab", "cd"), Pair("ab", "cd"), Pair("a" * 20, "b"), Pair("q", "r" * 40)]
    rows, account = prepared(pairs, encode, chat=CHAT, limits=LIMITS)
    assert max(len(row.ids) for row in rows.pairs) == 17
    assert (account.found, account.duplicates, account.over_limit, account.too_long, account.kept) == (
        4,
        1,
        0,
        1,
        2,
    )
    _, account = prepared(pairs, encode, chat=CHAT, limits=PairLimits(1, 16, 1))
    assert account.found == account.duplicates + account.over_limit + account.too_long + account.kept
    assert account.over_limit == 2


def test_the_order_follows_from_the_seed_alone() -> None:
    pairs = [Pair(f"p{number}", "r") for number in range(20)]
    one, _ = prepared(pairs, encode, chat=CHAT, limits=LIMITS)
    same, _ = prepared(pairs[::-1], encode, chat=CHAT, limits=LIMITS)
    other, _ = prepared(pairs, encode, chat=CHAT, limits=PairLimits(100, 16, 2))
    assert one.sha256 == same.sha256 != other.sha256
