"""Pairs: where they come from, which are held out, and which files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DataError
from pipeline.model.conversations import Pair
from pipeline.model.instructions import PairSources, divided, file_pairs
from pipeline.records import Document
from tests.tokens.material import publish_documents


def documented(symbol: str, summary: str, *, source: str = "pydocs") -> Document:
    detail = {
        "module": "numpy.linalg",
        "symbol": symbol,
        "name": f"numpy.linalg.{symbol}",
        "kind": "function",
    }
    metadata = json.dumps(detail | {"signature": "(x, ord=None)", "parameters": "x, ord", "summary": summary})
    return Document(f"{source}-{symbol}", source, symbol, "", "", metadata, f"{symbol}\n\n{summary}")


def corpus(folder: Path, train: list[Document], val: list[Document]) -> Path:
    publish_documents(folder / "train", train)
    publish_documents(folder / "val", val)
    return folder


def written(folder: Path, name: str, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def test_documented_symbols_are_asked_about_in_the_split_of_their_document(tmp_path: Path) -> None:
    train = [
        documented("norm", "Matrix or vector norm."),
        Document("files-1", "files", "a.txt", "", "", "{}", "Text."),
    ]
    folder = corpus(tmp_path, train, [documented("inv", "Compute the inverse.")])
    found = PairSources(documentation=folder, text=None, files=None).pairs()
    purposes = {split: [p.response for p in pairs if p.kind == "purpose"] for split, pairs in found.items()}
    assert purposes == {"train": ["Matrix or vector norm."], "val": ["Compute the inverse."]}
    assert len(found["train"]) == 2, "and one question that can be answered from itself"


def test_text_of_any_source_gives_passages_to_continue(tmp_path: Path) -> None:
    passage = " ".join(f"word{number}" for number in range(60))
    document = Document("files-1", "files", "a.txt", "", "", "{}", f"Short.\n\n{passage}\n\nShort.")
    folder = corpus(tmp_path, [document], [])
    (pair,) = PairSources(documentation=None, text=folder, files=None).pairs()["train"]
    assert pair.kind == "continuation"
    assert pair.prompt.endswith(passage.removesuffix(pair.response).rstrip())


def test_the_places_named_are_those_of_the_sources_that_are_on(tmp_path: Path) -> None:
    here, there = tmp_path / "corpus", tmp_path / "files"
    assert PairSources(here, None, there).named("val") == f"{here / 'val'} and {there}"
    assert PairSources(None, here, None).named("train") == str(here / "train")
    assert PairSources(None, None, there).named("train") == str(there)


def test_pairs_are_read_from_json_and_jsonl_files(tmp_path: Path) -> None:
    written(
        tmp_path,
        "b.jsonl",
        '{"prompt": "Hi", "response": "Hello"}\n\n{"instruction": "Add", "output": "3"}\n',
    )
    written(tmp_path, "a.json", '[{"instruction": "Sort", "input": "3 1 2", "output": "1 2 3"}]')
    written(tmp_path, "README.md", "what these are")
    assert list(file_pairs(tmp_path)) == [
        Pair("Sort\n\n3 1 2", "1 2 3", "file"),
        Pair("Hi", "Hello", "file"),
        Pair("Add", "3", "file"),
    ]


@pytest.mark.parametrize(("prompts", "held_out"), [(1, 0), (2, 1), (25, 1), (400, 20)])
def test_a_twentieth_of_the_prompts_and_at_least_one_is_held_out(prompts: int, held_out: int) -> None:
    pairs = [Pair(f"Question {number}", answer, "file") for number in range(prompts) for answer in "ab"]
    found = divided(pairs)
    assert len(found["val"]) == 2 * held_out
    assert sorted(found["train"] + found["val"]) == sorted(pairs)
    assert not {pair.prompt for pair in found["train"]} & {pair.prompt for pair in found["val"]}


def test_no_pairs_are_divided_into_none() -> None:
    assert divided([]) == {"train": [], "val": []}


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
