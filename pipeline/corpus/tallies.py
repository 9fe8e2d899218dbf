"""Where the documents of `dedupe` went, counted by source and by split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.accounts import Account
from pipeline.corpus.deduplication import CONTAMINATED, EXACT_DUPLICATE, KEPT, NEAR_DUPLICATE
from pipeline.corpus.shingles import Places
from pipeline.records import SPLITS


@dataclass(frozen=True, slots=True)
class Tally:
    """Documents, and the bytes of their text in UTF-8."""

    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SourceTally:
    """What came in from one source and what of it was kept."""

    documents_in: int
    documents_kept: int
    dropped: Mapping[str, int]
    bytes_in: int
    bytes_kept: int


@dataclass(frozen=True, slots=True)
class SplitTally:
    """What one split holds, in all and by source."""

    documents: int
    bytes: int
    by_source: Mapping[str, Tally]


def dropped(documents: pa.Table) -> dict[str, int]:
    """How many documents were dropped for each reason; `documents` has a column reason."""
    always = {CONTAMINATED, EXACT_DUPLICATE, NEAR_DUPLICATE}
    reasons = sorted({*always, *documents["reason"].unique().to_pylist()} - {KEPT})
    counts = {reason: pc.sum(pc.equal(documents["reason"], reason)).as_py() for reason in reasons}
    return {reason: count or 0 for reason, count in counts.items()}


def by_source(documents: pa.Table) -> dict[str, SourceTally]:
    """The account of each source; `documents` has columns source, text_bytes and reason.

    Raises IntegrityError when one does not balance.
    """
    found: dict[str, SourceTally] = {}
    documents = documents.select(["source", "text_bytes", "reason"])
    for source in _values(documents, "source"):
        here = _where(documents, "source", source)
        kept = _where(here, "reason", KEPT)
        account = Account(here.num_rows, kept.num_rows, dropped(here))
        account.check(f"dedupe, source {source}")
        found[source] = SourceTally(
            account.documents_in, account.documents_kept, account.dropped, _bytes(here), _bytes(kept)
        )
    return found


def by_split(kept: pa.Table) -> dict[str, SplitTally]:
    """What each split holds of the kept documents; `kept` has columns source, text_bytes and split."""
    found: dict[str, SplitTally] = {}
    kept = kept.select(["source", "text_bytes", "split"])
    for split in SPLITS:
        here = _where(kept, "split", split)
        sources = {source: _where(here, "source", source) for source in _values(here, "source")}
        tallies = {source: Tally(table.num_rows, _bytes(table)) for source, table in sources.items()}
        found[split] = SplitTally(here.num_rows, _bytes(here), tallies)
    return found


def cluster_sizes(documents: pa.Table) -> Places:
    """How many documents each cluster has; `documents` has a column cluster."""
    return np.asarray(documents["cluster"].value_counts().field("counts").to_numpy())


def _values(table: pa.Table, column: str) -> list[str]:
    return sorted(table[column].unique().to_pylist())


def _where(table: pa.Table, column: str, value: str) -> pa.Table:
    return table.filter(pc.equal(table[column], value))


def _bytes(table: pa.Table) -> int:
    return int(pc.sum(table["text_bytes"]).as_py() or 0)
