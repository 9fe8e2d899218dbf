"""blend: the table shows what each source had and gives, when there is something to show."""

from __future__ import annotations

from pipeline.reporting.blend import blend_tables
from pipeline.reporting.metrics.provenance import Provenance
from pipeline.reporting.metrics.text import Blend, Dedupe, RepeatedParagraphs


def deduped(**mixture: Blend) -> Dedupe:
    unrepeated = RepeatedParagraphs({}, [])
    return Dedupe(0, 0, {}, 0, 0, {}, mixture, {}, unrepeated, Provenance("dedupe", {}, "", {}))


def test_each_source_is_a_row_with_its_share_of_the_blend() -> None:
    (table,) = blend_tables(deduped(pydocs=Blend(9, 9, 300, 300), files=Blend(500, 50, 9000, 900)))
    rows = [
        tuple(cell.replace("\u202f", " ").replace("\u00a0", " ") for cell in row.cells) for row in table.rows
    ]
    assert [row[0] for row in rows] == ["files", "pydocs"]
    assert (rows[0][1], rows[0][3], rows[0][-1], rows[1][-1]) == ("500", "50", "75.0 %", "25.0 %")


def test_one_source_is_shown_only_when_the_mixture_thinned_it() -> None:
    assert blend_tables(deduped(pydocs=Blend(9, 9, 300, 300))) == ()
    assert blend_tables(deduped(pydocs=Blend(9, 8, 300, 200)))
