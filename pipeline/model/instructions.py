"""Prompt/response pairs: where they come from, and what the model sees of them.

A pair is the ids of `<s><|user|>prompt<|end|><|assistant|>response<|end|>`, without spaces in between; only
the response and the <|end|> behind it are learned.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.artifacts import open_artifact, read_table
from pipeline.errors import DataError
from pipeline.model.batches import Batch
from pipeline.model.losses import IGNORED
from pipeline.records import DOCUMENT_SCHEMA

DOCUMENTED_SOURCE = "pydocs"
CALLABLES = ("function", "method")
FILE_VAL_SHARE = 0.05  # of the pairs from files
MAX_FILE_BYTES = 1 << 30
_NOT_PAIRS = {"README.md", ".gitkeep", ".gitignore"}


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Pair:
    """What a person says and what the model is to answer."""

    prompt: str
    response: str


@dataclasses.dataclass(frozen=True, slots=True)
class ChatIds:
    """The control ids around prompt and response."""

    bos_id: int
    user_id: int
    assistant_id: int
    end_id: int
    pad_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class PairLimits:
    """How many pairs are taken, how long each may be, and which ones if there are more."""

    most_pairs: int
    context_tokens: int
    seed: int


@dataclasses.dataclass(frozen=True, slots=True)
class PairAccount:
    """What became of the pairs of one split: found = duplicates + over_limit + too_long + kept."""

    found: int
    duplicates: int
    over_limit: int
    too_long: int  # the prompt fills the context
    kept: int


@dataclasses.dataclass(frozen=True, slots=True)
class PairIds:
    """One encoded pair; the first `prompt_tokens` ids are not learned."""

    ids: tuple[int, ...]
    prompt_tokens: int


class PairRows:
    """Encoded pairs as training items: one row each, filled up with `pad_id` to the longest of its batch."""

    def __init__(self, pairs: Sequence[PairIds], *, pad_id: int) -> None:
        self.pairs, self.pad_id = pairs, pad_id

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sha256(self) -> str:
        """Identifies all pairs and their order."""
        return hashlib.sha256(repr(self.pairs).encode()).hexdigest()

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The pairs of these numbers, in this order."""
        chosen = [self.pairs[number] for number in numbers]
        shape = (len(chosen), max(len(pair.ids) for pair in chosen) - 1)
        tokens_BT, targets_BT = torch.full(shape, self.pad_id), torch.full(shape, IGNORED)
        for row, pair in enumerate(chosen):
            ids = torch.tensor(pair.ids)
            tokens_BT[row, : len(ids) - 1] = ids[:-1]
            targets_BT[row, pair.prompt_tokens - 1 : len(ids) - 1] = ids[pair.prompt_tokens :]
        return Batch(tokens_BT, targets_BT, documents_BT=torch.zeros(shape, dtype=torch.long))


def found_pairs(corpus: Path | None, folder: Path | None) -> dict[str, list[Pair]]:
    """The pairs of the splits "train" and "val" that the corpus and the files of the folder yield.

    A documented symbol is in the split of its document; a prompt that is in train is taken out of val.
    """
    train = list(documentation_pairs(corpus / "train")) if corpus else []
    val = list(documentation_pairs(corpus / "val")) if corpus else []
    for pair in file_pairs(folder) if folder else ():
        held_out = _hash(pair.prompt) < FILE_VAL_SHARE * 2**64
        (val if held_out else train).append(pair)
    known = {pair.prompt for pair in train}
    return {"train": train, "val": [pair for pair in val if pair.prompt not in known]}


def documentation_pairs(split: Path) -> Iterator[Pair]:
    """A question about each documented symbol of a split of the corpus, answered by its first sentence.

    "What does `numpy.linalg.norm(x, ord=None)` do?" The split is an artifact of documents.
    """
    artifact = open_artifact(split, kind="documents")
    columns = ["source", "metadata"]
    for shard in sorted(artifact.path.glob("shard-*.parquet")):
        table = read_table(shard, schema=DOCUMENT_SCHEMA, columns=columns)
        sources, details = (table.column(name).to_pylist() for name in columns)
        for source, detail in zip(sources, details, strict=True):
            pair = _about_symbol(json.loads(detail)) if source == DOCUMENTED_SOURCE else None
            if pair is not None:
                yield pair


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


def prepared(
    pairs: Sequence[Pair], encode: Callable[[str], list[int]], *, chat: ChatIds, limits: PairLimits
) -> tuple[PairRows, PairAccount]:
    """At most so many of the distinct pairs, in an order that follows from the seed alone, as ids.

    A pair is cut to the context; one whose prompt leaves no room to answer is left out.
    """
    distinct = sorted(set(pairs), key=lambda pair: (_hash(f"{limits.seed}\0{pair.prompt}"), pair))
    rows = []
    for pair in distinct[: limits.most_pairs]:
        prompt = (chat.bos_id, chat.user_id, *encode(pair.prompt), chat.end_id, chat.assistant_id)
        ids = (*prompt, *encode(pair.response), chat.end_id)[: limits.context_tokens + 1]
        if len(ids) > len(prompt):
            rows.append(PairIds(ids, len(prompt)))
    account = PairAccount(
        found=len(pairs),
        duplicates=len(pairs) - len(distinct),
        over_limit=max(0, len(distinct) - limits.most_pairs),
        too_long=min(len(distinct), limits.most_pairs) - len(rows),
        kept=len(rows),
    )
    return PairRows(rows, pad_id=chat.pad_id), account


def _about_symbol(detail: dict[str, Any]) -> Pair | None:
    """The pair of one documented symbol; None when its documentation has no first sentence."""
    name = ".".join(part for part in (detail["module"], detail["symbol"]) if part)
    if not detail["summary"]:
        return None
    if detail["kind"] in CALLABLES:
        return Pair(f"What does `{name}{detail['signature']}` do?", detail["summary"])
    return Pair(f"What is `{name}`?", detail["summary"])


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
    return Pair(f"{prompt}\n\n{context}" if context else prompt, response)


def _text(entry: dict[str, Any], *names: str, where: str) -> str:
    """The first of these fields that the entry has, which must be text with something in it."""
    value = next((entry[name] for name in names if name in entry), None)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {' or '.join(names)} must be there, a string and not empty")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise DataError(f"{where}: {names[0]} holds a lone surrogate, which is no character")
    return value


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
