"""repeats: what was cut is a row for each source, examples cannot act, nothing is shown of nothing."""

from __future__ import annotations

from pipeline.reporting.document import Folded, Passage, Table
from pipeline.reporting.metrics.provenance import Provenance
from pipeline.reporting.metrics.text import Dedupe, Losses, RepeatedParagraph, RepeatedParagraphs
from pipeline.reporting.repeats import repeats_blocks


def deduped(cut: RepeatedParagraphs) -> Dedupe:
    return Dedupe(0, 0, {}, 0, 0, {}, {}, {}, cut, Provenance("dedupe", {}, "", {}))


def test_each_source_is_a_row_and_the_commonest_paragraphs_are_shown() -> None:
    by_source = {"wikipedia": Losses(2, 3, 700, 1, 0), "files": Losses(40, 50, 6_000_000, 0, 7)}
    examples = [RepeatedParagraph(1234, "files-00ff", "All rights\nreserved.")]
    table, folded = repeats_blocks(deduped(RepeatedParagraphs(by_source, examples)))
    assert isinstance(table, Table)
    assert isinstance(folded, Folded)
    assert [row.cells[0] for row in table.rows] == ["files", "wikipedia"]
    assert (table.rows[0].cells[1], *table.rows[0].cells[3:]) == ("50", "40", "0", "7")
    assert folded.blocks == (Passage("in 1,234 documents, kept in files-00ff", "", "All rights\nreserved."),)


def test_a_table_without_examples_stands_alone() -> None:
    (table,) = repeats_blocks(deduped(RepeatedParagraphs({"files": Losses(0, 0, 0, 0, 1)}, [])))
    assert isinstance(table, Table)


def test_nothing_is_shown_where_nothing_was_cut() -> None:
    assert repeats_blocks(deduped(RepeatedParagraphs({}, []))) == ()
