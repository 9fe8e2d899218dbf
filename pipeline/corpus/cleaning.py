"""Cleaning one shard: every document is repaired, then kept or dropped by the first rule it breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import write_table
from pipeline.corpus.filters import Judged, judge
from pipeline.corpus.personal_data import mask
from pipeline.corpus.repairs import repair
from pipeline.corpus.shards import read_shard, text_bytes
from pipeline.records import IDENTIFIED_LANGUAGE, Document, to_table, with_fact
from pipeline.settings.clean import CleanParams

MOST_EXAMPLES = 3  # of each reason
EXAMPLE_CHARS = 200
_Example = tuple[str, str, str]  # id, origin and beginning, as a worker hands it over


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

    `lines_cut` counts the lines that went from kept documents, by reason; `languages` the documents by the
    language that was found in them, where one was asked for; `examples` holds for each reason the first
    documents that were dropped for it.
    """

    documents_in: int
    documents_kept: int
    dropped: dict[str, int]
    bytes_in: int
    bytes_kept: int
    repaired: dict[str, int]
    lines_cut: dict[str, int]
    languages: dict[str, int]
    examples: dict[str, list[_Example]]


def clean_shard(task: CleanTask) -> CleanedShard:
    """Writes the cleaned form of one shard, documents in the same order, and returns its account."""
    documents = read_shard(Path(task.ingested))
    kept: list[Document] = []
    dropped: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    lines_cut: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    examples: dict[str, list[_Example]] = {}
    for document in documents:
        text, mended = mend(document.text, task.params, source=task.source)
        for repair_made in mended:
            repaired[repair_made] += 1
        judged = judge(text, task.params, source=task.source)
        if judged.language:
            languages[judged.language] += 1
        if judged.reason:
            dropped[judged.reason] += 1
            if dropped[judged.reason] <= MOST_EXAMPLES:
                example = (document.id, document.origin, text[:EXAMPLE_CHARS])
                examples.setdefault(judged.reason, []).append(example)
        else:
            for cut, lines in judged.lines_cut.items():
                lines_cut[cut] += lines
            kept.append(_cleaned(document, judged))
    write_table(Path(task.cleaned), to_table(kept))
    return CleanedShard(
        documents_in=len(documents),
        documents_kept=len(kept),
        dropped=dict(dropped),
        bytes_in=_bytes(documents),
        bytes_kept=_bytes(kept),
        repaired=dict(repaired),
        lines_cut=dict(lines_cut),
        languages=dict(languages),
        examples=examples,
    )


def mend(text: str, params: CleanParams, *, source: str) -> tuple[str, tuple[str, ...]]:
    """The text repaired and without the personal data that params name, and what was done to it."""
    repaired = repair(text, unwrap=source in params.unwrap_lines.sources)
    if source not in params.personal_data.sources:
        return repaired.text, repaired.repairs
    masked, masks = mask(repaired.text, params.personal_data)
    return masked, (*repaired.repairs, *masks)


def _cleaned(document: Document, judged: Judged) -> Document:
    """The document with the text that is kept; its metadata name the language, where one was identified."""
    kept = document.metadata
    metadata = with_fact(kept, IDENTIFIED_LANGUAGE, judged.language) if judged.language else kept
    return Document(
        document.id,
        document.source,
        document.origin,
        document.title,
        document.licence,
        metadata,
        judged.text,
    )


def add_up(shards: Iterable[CleanedShard]) -> CleanedShard:
    """The account of all shards together, names in alphabetical order, examples those of the first shards."""
    done = list(shards)
    return CleanedShard(
        documents_in=sum(shard.documents_in for shard in done),
        documents_kept=sum(shard.documents_kept for shard in done),
        dropped=_sums([shard.dropped for shard in done]),
        bytes_in=sum(shard.bytes_in for shard in done),
        bytes_kept=sum(shard.bytes_kept for shard in done),
        repaired=_sums([shard.repaired for shard in done]),
        lines_cut=_sums([shard.lines_cut for shard in done]),
        languages=_sums([shard.languages for shard in done]),
        examples={
            reason: [example for shard in done for example in shard.examples.get(reason, [])][:MOST_EXAMPLES]
            for reason in sorted({reason for shard in done for reason in shard.examples})
        },
    )


def _sums(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))


def _bytes(documents: Iterable[Document]) -> int:
    return sum(text_bytes(document.text) for document in documents)
