"""Prompt/response pairs: where they come from, and which of them are held out.

Documented symbols and texts of the corpus are in the split of their document; pairs from files are divided
here.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.artifacts import open_artifact, read_table
from pipeline.errors import DataError
from pipeline.model.conversations import Pair, text_hash
from pipeline.model.questions import about_symbol, about_text
from pipeline.records import DOCUMENT_SCHEMA

DOCUMENTED_SOURCE = "pydocs"
FILE_VAL_SHARE = 0.05  # of the prompts from files
MAX_FILE_BYTES = 1 << 30
MAX_TEXT_DOCUMENTS = 2000  # whose passages are taken: the first by id, which is as good as any
_NOT_PAIRS = {"README.md", ".gitkeep", ".gitignore"}


@dataclasses.dataclass(frozen=True, slots=True)
class PairSources:
    """Where pairs come from: the corpus for questions about its documentation, the corpus for passages of its
    text, the folder of files. None: not from there.
    """

    documentation: Path | None
    text: Path | None
    files: Path | None

    def pairs(self) -> dict[str, list[Pair]]:
        """The pairs of the splits "train" and "val"."""
        found = divided(list(file_pairs(self.files)) if self.files else [])
        for split, pairs in found.items():
            pairs.extend(documentation_pairs(self.documentation / split) if self.documentation else ())
            pairs.extend(text_pairs(self.text / split) if self.text else ())
        return found

    def named(self, split: str) -> str:
        """The places of a split's pairs in words."""
        corpus = self.documentation or self.text
        places = ([corpus / split] if corpus else []) + ([self.files] if self.files else [])
        return " and ".join(map(str, places))


def documentation_pairs(split: Path) -> Iterator[Pair]:
    """Questions about each documented symbol of a split of the corpus, an artifact of documents."""
    for source, metadata, text in _documents(split):
        if source == DOCUMENTED_SOURCE:
            yield from about_symbol(json.loads(metadata), text)


def text_pairs(split: Path) -> Iterator[Pair]:
    """Passages of the documents of a split of the corpus, to be continued from their middle."""
    for _, _, text in itertools.islice(_documents(split), MAX_TEXT_DOCUMENTS):
        yield from about_text(text)


def file_pairs(folder: Path) -> Iterator[Pair]:
    """The pairs of all .json (a list) and .jsonl (one object a line) files of a folder, by file name.

    An object has `prompt` or `instruction`, `response` or `output`, and may have an `input`, all strings.
    Raises DataError naming file and entry for anything else.
    """
    for path in sorted(folder.iterdir()):
        if path.name in _NOT_PAIRS:
            continue
        for place, entry in _entries(path):
            yield _from_entry(entry, where=f"{path} {place}")


def divided(pairs: list[Pair]) -> dict[str, list[Pair]]:
    """The pairs as "train" and "val": a FILE_VAL_SHARE of their prompts, at least one of two, is val."""
    prompts = sorted({pair.prompt for pair in pairs}, key=lambda prompt: (text_hash(prompt), prompt))
    held_out = max(min(1, len(prompts) - 1), round(FILE_VAL_SHARE * len(prompts)))
    val = set(prompts[: max(0, held_out)])
    return {
        "train": [pair for pair in pairs if pair.prompt not in val],
        "val": [pair for pair in pairs if pair.prompt in val],
    }


def _documents(split: Path) -> Iterator[tuple[str, str, str]]:
    """Source, metadata and text of every document of a split."""
    artifact = open_artifact(split, kind="documents")
    columns = ["source", "metadata", "text"]
    for shard in sorted(artifact.path.glob("shard-*.parquet")):
        table = read_table(shard, schema=DOCUMENT_SCHEMA, columns=columns)
        yield from zip(*(table.column(name).to_pylist() for name in columns), strict=True)


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """Each entry of a file with its place in words."""
    if path.suffix not in (".json", ".jsonl") or not path.is_file():
        raise DataError(f"{path}: not a .json or .jsonl file; instructions are nothing else")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise DataError(f"{path}: more than {MAX_FILE_BYTES} bytes; split it")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    if path.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield f"line {number}", _parsed(line, where=f"{path} line {number}")
        return
    entries = _parsed(text, where=str(path))
    if not isinstance(entries, list):
        raise DataError(f"{path}: must be a list of objects")
    for number, entry in enumerate(entries):
        yield f"entry {number}", entry


def _parsed(text: str, *, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON ({error})") from error


def _from_entry(entry: Any, *, where: str) -> Pair:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: must be an object with prompt and response")
    prompt = _text(entry, "prompt", "instruction", where=where)
    response = _text(entry, "response", "output", where=where)
    context = _text(entry, "input", where=where) if entry.get("input") else ""
    return Pair(f"{prompt}\n\n{context}" if context else prompt, response, "file")


def _text(entry: dict[str, Any], *names: str, where: str) -> str:
    """The first of these fields that the entry has, which must be text with something in it."""
    value = next((entry[name] for name in names if name in entry), None)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {' or '.join(names)} must be there, a string and not empty")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise DataError(f"{where}: {names[0]} holds a lone surrogate, which is no character")
    return value
