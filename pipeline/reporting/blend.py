"""What of each source the model learns from: what there was for it, and what the mixture left."""

from __future__ import annotations

from pipeline.reporting import numerals
from pipeline.reporting.document import Row, Table, words_then_numbers
from pipeline.reporting.metrics.text import Dedupe


def blend_tables(dedupe: Dedupe) -> tuple[Table, ...]:
    """The train split by source; no table where there is one source and all of it is used."""
    blend = sorted(dedupe.mixture.items())
    if len(blend) < 2 and all(found.documents == found.documents_in for _, found in blend):
        return ()
    total = max(sum(found.bytes for _, found in blend), 1)
    rows = tuple(
        Row(
            (
                source,
                numerals.count(found.documents_in),
                numerals.size(found.bytes_in),
                numerals.count(found.documents),
                numerals.size(found.bytes),
                numerals.share(found.bytes / total, digits=1),
            )
        )
        for source, found in blend
    )
    columns = ("Source", "Documents", "Text", "In the blend", "Text in it", "Share of the blend")
    return (
        Table("The train split before and after the mixture", columns, words_then_numbers(columns), rows),
    )
