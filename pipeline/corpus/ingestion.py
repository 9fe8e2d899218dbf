"""From a source to sorted shards: an external sort, so that memory stays flat however large the source is.

Each part of a source is read in a process of its own. What it yields is gathered up to RUN_BYTES, sorted by
id and put aside as a *run*: a folder of small shards. At the end all runs are merged into the shards of the
artifact.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pipeline.corpus.accounts import Account
from pipeline.corpus.shards import by_id, merge_shards, text_bytes, write_shards
from pipeline.engine import map_shards
from pipeline.records import Document, document_id, metadata_json

RUN_BYTES = 256 * 2**20  # of text in a worker's memory
RUN_SHARD_BYTES = 2**20  # of text in memory for each run while all are merged
EXAMPLES = 3
_SURROGATE = re.compile("[\ud800-\udfff]")

Metadata = Mapping[str, str | int]


@dataclasses.dataclass(frozen=True, slots=True)
class Rejected:
    """A document that was there and is not taken: where it stands and the reason, one snake_case word."""

    origin: str
    reason: str


class Source(Protocol):
    """What every module of pipeline/corpus/sources offers."""

    def parts(self, folder: Path, params: Any, *, downloads: Path) -> Mapping[str, Any]:
        """Name -> part of everything there is to read. The name is fit for a file name."""

    def read(self, part: Any) -> Iterator[Document | Rejected]:
        """Every document of one part, taken or not."""


@dataclasses.dataclass(frozen=True, slots=True)
class Gathered:
    """What came of reading a part or a source: `runs` hold what was kept, `examples` name what was not."""

    documents_in: int
    documents_kept: int
    bytes_kept: int
    dropped: dict[str, int]
    examples: dict[str, list[str]]
    runs: list[str]


NOTHING = Gathered(0, 0, 0, {}, {}, [])  # of a source that is switched off


def document(
    source: str,
    origin: str,
    text: str,
    *,
    title: str = "",
    licence: str = "",
    metadata: Metadata | None = None,
) -> Document:
    """A document whose id follows from source and origin, with every field fit for UTF-8.

    Lone surrogates (from JSON escapes or file names) become U+FFFD, the title is put on one line.
    """
    return Document(
        id=document_id(source, origin),
        source=source,
        origin=_sound(origin),
        title=_sound(" ".join(title.split())),
        licence=_sound(licence),
        metadata=_sound(metadata_json(metadata or {})),
        text=_sound(text),
    )


def gather(source: Source, parts: Mapping[str, Any], *, work: Path) -> Gathered:
    """Reads all parts into sorted runs below `work`, on all cores, and adds up what happened.

    Parts that an earlier, killed call finished are not read again.
    """
    tasks = {name: _Task(source.read, part, str(work / name)) for name, part in parts.items()}
    return _total(
        map_shards(_read_part, tasks, result=Gathered, work=work, label="reading documents").values()
    )


def write_gathered(gathered: Gathered, folder: Path) -> int:
    """Merges the runs into the shards of `folder`, sorted by id, and returns how many shards.

    Raises DataError for two documents with one id, IntegrityError when the documents written are not the ones
    kept.
    """
    written = 0

    def counted() -> Iterator[Document]:
        nonlocal written
        for item in merge_shards([Path(run) for run in gathered.runs]):
            written += 1
            yield item

    shards = write_shards(counted(), folder)
    Account(gathered.documents_in, written, gathered.dropped).check(str(folder))
    return shards


@dataclasses.dataclass(frozen=True, slots=True)
class _Task:
    read: Callable[[Any], Iterator[Document | Rejected]]
    part: Any
    folder: str  # where its runs go


def _read_part(task: _Task) -> Gathered:
    """Reads one part, writing its documents as sorted runs below the task's folder."""
    shutil.rmtree(task.folder, ignore_errors=True)
    runs: list[str] = []
    kept: list[Document] = []
    documents_in = documents_kept = bytes_kept = waiting = 0
    dropped: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for item in task.read(task.part):
        documents_in += 1
        if isinstance(item, Rejected):
            dropped[item.reason] += 1
            if dropped[item.reason] <= EXAMPLES:
                examples.setdefault(item.reason, []).append(_sound(item.origin))
            continue
        size = text_bytes(item.text)
        kept.append(item)
        documents_kept, bytes_kept, waiting = documents_kept + 1, bytes_kept + size, waiting + size
        if waiting >= RUN_BYTES:
            runs.append(_write_run(kept, Path(task.folder, f"run-{len(runs):05d}")))
            kept, waiting = [], 0
    runs.append(_write_run(kept, Path(task.folder, f"run-{len(runs):05d}")))
    return Gathered(documents_in, documents_kept, bytes_kept, dict(dropped), examples, runs)


def _write_run(documents: list[Document], folder: Path) -> str:
    write_shards(sorted(documents, key=by_id), folder, max_bytes=RUN_SHARD_BYTES)
    return str(folder)


def _total(parts: Iterable[Gathered]) -> Gathered:
    """The sum over all parts, reasons in alphabetical order."""
    done = list(parts)
    dropped: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for part in done:
        dropped.update(part.dropped)
        for reason, origins in part.examples.items():
            examples[reason] = [*examples.get(reason, []), *origins][:EXAMPLES]
    return Gathered(
        documents_in=sum(part.documents_in for part in done),
        documents_kept=sum(part.documents_kept for part in done),
        bytes_kept=sum(part.bytes_kept for part in done),
        dropped=dict(sorted(dropped.items())),
        examples=dict(sorted(examples.items())),
        runs=[run for part in done for run in part.runs],
    )


def _sound(text: str) -> str:
    """The text with lone surrogates replaced, which UTF-8 cannot hold."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
