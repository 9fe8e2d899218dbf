"""Cleaning one shard: every document is repaired, then kept or dropped by the first rule it breaks."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import write_table
from pipeline.corpus.filters import judge
from pipeline.corpus.repairs import repair
from pipeline.corpus.shards import read_shard, text_bytes
from pipeline.records import Document, to_table
from pipeline.settings.clean import CleanParams


@dataclass(frozen=True, slots=True)
class CleanTask:
    """Which shard is cleaned, where the result goes, and by what rules."""

    ingested: str
    cleaned: str
    source: str
    params: CleanParams


@dataclass(frozen=True, slots=True)
class CleanedShard:
    """The account of one shard, or of several; `repaired` counts the documents each repair changed.

    `lines_cut` counts the lines that went from kept documents, by reason.
    """

    documents_in: int
    documents_kept: int
    dropped: dict[str, int]
    bytes_in: int
    bytes_kept: int
    repaired: dict[str, int]
    lines_cut: dict[str, int]


def clean_shard(task: CleanTask) -> CleanedShard:
    """Writes the cleaned form of one shard, documents in the same order, and returns its account."""
    documents = read_shard(Path(task.ingested))
    kept: list[Document] = []
    dropped: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    lines_cut: Counter[str] = Counter()
    unwrap = task.source in task.params.unwrap_lines.sources
    for document in documents:
        mended = repair(document.text, unwrap=unwrap)
        repaired.update(mended.repairs)
        judged = judge(mended.text, task.params, source=task.source)
        if judged.reason:
            dropped[judged.reason] += 1
        else:
            lines_cut.update(judged.lines_cut)
            kept.append(dataclasses.replace(document, text=judged.text))
    write_table(Path(task.cleaned), to_table(kept))
    return CleanedShard(
        documents_in=len(documents),
        documents_kept=len(kept),
        dropped=dict(dropped),
        bytes_in=_bytes(documents),
        bytes_kept=_bytes(kept),
        repaired=dict(repaired),
        lines_cut=dict(lines_cut),
    )


def add_up(shards: Iterable[CleanedShard]) -> CleanedShard:
    """The account of all shards together, names in alphabetical order."""
    done = list(shards)
    dropped: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    lines_cut: Counter[str] = Counter()
    for shard in done:
        dropped.update(shard.dropped)
        repaired.update(shard.repaired)
        lines_cut.update(shard.lines_cut)
    return CleanedShard(
        documents_in=sum(shard.documents_in for shard in done),
        documents_kept=sum(shard.documents_kept for shard in done),
        dropped=dict(sorted(dropped.items())),
        bytes_in=sum(shard.bytes_in for shard in done),
        bytes_kept=sum(shard.bytes_kept for shard in done),
        repaired=dict(sorted(repaired.items())),
        lines_cut=dict(sorted(lines_cut.items())),
    )


def _bytes(documents: Iterable[Document]) -> int:
    return sum(text_bytes(document.text) for document in documents)
