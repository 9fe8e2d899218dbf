"""Evaluation sets below `data/sources/evaluations`: the texts that must not be in what a model learns from.

A set is a file or a folder. An *item* is one line of .jsonl or .txt, one entry of a .json list, one row of
.csv or .tsv (the first row is the head); all strings in it, however deep, are its texts.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.corpus.folders import files_below, is_hidden, relative_name
from pipeline.errors import DataError

MAX_FIELD_CHARS = 1 << 19  # of one cell of a table
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a set: where it stands (`boolq.jsonl:12`) and its texts."""

    origin: str
    texts: tuple[str, ...]


def read_set(folder: Path, name: str) -> list[Item]:
    """All items of the set `name` in `folder`, in order.

    DataError names a set that is not there or empty, and a file that is none of these or cannot be read.
    """
    path = folder / name
    if path.is_file():
        paths = [path]
    elif path.is_dir():
        paths = files_below(path)
    else:
        raise DataError(f"{path}: is not there; put the set there, or take it out of dedupe.decontaminate")
    items = [item for file in paths for item in _items(file, relative_name(file, folder))]
    if not items:
        raise DataError(f"{path}: holds no item; put the set there, or take it out of dedupe.decontaminate")
    return items


def _items(path: Path, name: str) -> Iterator[Item]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None or is_hidden(path.name):
        raise DataError(f"{path}: is no {', '.join(sorted(_READERS))}; take it out of the evaluation sets")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for number, value in enumerate(reader(file), start=1):
                texts = tuple(_strings(value, MAX_DEPTH))
                if texts:
                    yield Item(f"{name}:{number}", texts)
    except (ValueError, RecursionError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error}); mend it or take it away") from error


def _rows(file: Any, delimiter: str) -> Iterator[Any]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    if delimiter == "\t":
        rows = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        rows = csv.reader(file, delimiter=delimiter)
    next(rows, None)
    yield from rows


def _entries(file: Any) -> Iterator[Any]:
    value = json.load(file)
    yield from value if isinstance(value, list) else [value]


def _strings(value: Any, depth: int) -> Iterator[str]:
    """Every string in a JSON value, in order; what lies deeper than `depth` is a ValueError."""
    if not depth:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        yield value.encode("utf-8", "replace").decode()
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each, depth - 1)


_READERS: Mapping[str, Callable[[Any], Iterator[Any]]] = {
    ".jsonl": lambda file: (json.loads(line) for line in file if line.strip()),
    ".json": _entries,
    ".csv": lambda file: _rows(file, ","),
    ".tsv": lambda file: _rows(file, "\t"),
    ".txt": lambda file: (line.strip() for line in file if line.strip()),
}
