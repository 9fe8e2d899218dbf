"""Where the documents of `dedupe` went, counted by source and by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipeline.corpus.accounts import Account
from pipeline.corpus.deduplication import CONTAMINATED, EXACT_DUPLICATE, KEPT, NEAR_DUPLICATE
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


@dataclass(frozen=True, slots=True)
class _Place:
    """One cell of a census: reason is KEPT or why its documents were dropped."""

    source: str
    split: str
    reason: str


class Census:
    """Counts documents, table by table, by source, split and reason."""

    def __init__(self) -> None:
        self._documents: Counter[_Place] = Counter()
        self._bytes: Counter[_Place] = Counter()

    def counting(self, documents: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Passes the tables on; they have columns source, split, reason and text_bytes."""
        for table in documents:
            groups = table.group_by(["source", "split", "reason"], use_threads=False)
            counted = groups.aggregate([("text_bytes", "count"), ("text_bytes", "sum")])
            for row in counted.to_pylist():
                place = _Place(row["source"], row["split"], row["reason"])
                self._documents[place] += row["text_bytes_count"]
                self._bytes[place] += row["text_bytes_sum"]
            yield table

    def sources(self) -> list[str]:
        """The sources that have documents, in alphabetical order."""
        return sorted({place.source for place in self._documents})

    def tally(
        self, *, source: str | None = None, split: str | None = None, reason: str | None = None
    ) -> Tally:
        """What is of this source, split and reason; None is any."""
        places = [
            place
            for place in self._documents
            if source in (None, place.source)
            and split in (None, place.split)
            and reason in (None, place.reason)
        ]
        return Tally(
            sum(self._documents[place] for place in places), sum(self._bytes[place] for place in places)
        )

    def account(self, documents_in: int, *, source: str | None = None) -> Account:
        """What became of `documents_in`; reasons that duplicates have are named also when none has them."""
        always = {CONTAMINATED, EXACT_DUPLICATE, NEAR_DUPLICATE}
        found = {place.reason for place in self._documents if source in (None, place.source)}
        dropped = {
            reason: self.tally(source=source, reason=reason).documents
            for reason in sorted((always | found) - {KEPT})
        }
        return Account(documents_in, self.tally(source=source, reason=KEPT).documents, dropped)

    def by_source(self, bytes_cut: Mapping[str, int]) -> dict[str, SourceTally]:
        """The account of each source; `bytes_cut` went from the text of its documents before they were
        counted.
        """
        found: dict[str, SourceTally] = {}
        for source in self.sources():
            whole, kept = self.tally(source=source), self.tally(source=source, reason=KEPT)
            account = self.account(whole.documents, source=source)
            bytes_in = whole.bytes + bytes_cut.get(source, 0)
            found[source] = SourceTally(
                whole.documents, kept.documents, account.dropped, bytes_in, kept.bytes
            )
        return found

    def by_split(self) -> dict[str, SplitTally]:
        """What each split holds of the kept documents."""
        found: dict[str, SplitTally] = {}
        for split in SPLITS:
            whole = self.tally(split=split, reason=KEPT)
            tallies = {
                source: self.tally(source=source, split=split, reason=KEPT) for source in self.sources()
            }
            held = {source: tally for source, tally in tallies.items() if tally.documents}
            found[split] = SplitTally(whole.documents, whole.bytes, held)
        return found
