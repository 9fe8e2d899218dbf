"""Paragraphs that several documents had: what was cut of each source, and the commonest of them."""

from __future__ import annotations

from pipeline.reporting import numerals
from pipeline.reporting.document import Folded, Passage, Row, Table, words_then_numbers
from pipeline.reporting.metrics.text import Dedupe


def repeats_blocks(dedupe: Dedupe) -> tuple[Table | Folded, ...]:
    """A row for each source that lost paragraphs, and examples; nothing where none did."""
    cut = dedupe.repeated_paragraphs
    if not cut.by_source:
        return ()
    rows = tuple(
        Row(
            (
                source,
                numerals.count(losses.paragraphs),
                numerals.size(losses.bytes),
                numerals.count(losses.documents),
                numerals.count(losses.too_little_left),
                numerals.count(losses.duplicates_then),
            )
        )
        for source, losses in sorted(cut.by_source.items())
    )
    columns = (
        "Source",
        "Paragraphs cut",
        "Text cut",
        "Documents kept without them",
        "Dropped, too little left",
        "Dropped, duplicates then",
    )
    table = Table("Repeated paragraphs", columns, words_then_numbers(columns), rows)
    passages = tuple(
        Passage(
            f"in {numerals.count(example.documents)} documents, kept in {example.kept_in}", "", example.text
        )
        for example in cut.examples
    )
    return (table, Folded("The commonest repeated paragraphs", passages)) if passages else (table,)
