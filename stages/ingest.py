"""ingest: read the raw documents of one source, with provenance, into shards sorted by id."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts import publishing
from pipeline.corpus.fetched import Fetched, fetched_files, identity, missing_documents, said_of_unpinned
from pipeline.corpus.ingestion import NOTHING, Gathered, gather, write_gathered
from pipeline.corpus.pins import read_pins
from pipeline.corpus.quarantine import require_mostly_sound
from pipeline.settings.ingest import SourceParams
from pipeline.stage import WORK_ROOT, Input, Output, Work, main

DOWNLOADS = WORK_ROOT / "downloads"
_log = logging.getLogger("gristmill")


@dataclass(frozen=True, slots=True)
class IngestMetrics:
    """The account of one source: `examples` names up to three dropped documents for each reason."""

    source: str
    enabled: bool
    documents_in: int
    documents_kept: int
    dropped: dict[str, int]
    examples: dict[str, list[str]]
    bytes_kept: int
    shards: int
    fetched: list[Fetched]


def run(
    folder: Input, pins: Input, ingested: Output, *, source: str, params: SourceParams, work: Work
) -> IngestMetrics:
    """Reads `folder`, or what else the source is, into `ingested`; an empty artifact when it is disabled.

    The source's module is loaded by its name, so that only it is part of this stage's code fingerprint, and
    only when it is enabled.
    """
    fetched, gathered = _read(folder, pins, source, params, work) if params.enabled else ([], NOTHING)
    require_mostly_sound(gathered, source=source, max_share=params.max_quarantine_share)
    facts: dict[str, Any] = {
        "source": source,
        "documents": gathered.documents_kept,
        "bytes": gathered.bytes_kept,
    }
    with publishing(ingested, kind="documents", facts=facts) as out:
        shards = write_gathered(gathered, out)
    return IngestMetrics(
        source=source,
        enabled=params.enabled,
        documents_in=gathered.documents_in,
        documents_kept=gathered.documents_kept,
        dropped=gathered.dropped,
        examples=gathered.examples,
        bytes_kept=gathered.bytes_kept,
        shards=shards,
        fetched=fetched,
    )


def _read(
    folder: Path, lock: Path, source: str, params: SourceParams, work: Work
) -> tuple[list[Fetched], Gathered]:
    """What of the source was fetched, and what came of reading it."""
    pins = read_pins(lock)
    reader = importlib.import_module(f"pipeline.corpus.sources.{source}")
    parts = reader.parts(folder, params, downloads=DOWNLOADS)
    fetched = fetched_files(parts, DOWNLOADS, pins)
    if any(not file.pinned for file in fetched):
        _log.info("%s", said_of_unpinned(fetched, source=source, lock=lock))
    if missing := missing_documents(parts):
        _log.info("%s: %d documents are missing: %s", source, len(missing), ", ".join(missing))
    return fetched, gather(reader, parts, work=work.folder / identity(fetched))


if __name__ == "__main__":
    main("ingest", run, params_of="source")
