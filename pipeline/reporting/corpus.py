"""What the model learns from and is measured on: the splits, and the tokenizer that cuts them."""

from __future__ import annotations

from pipeline.records import SPLITS
from pipeline.reporting import numerals
from pipeline.reporting.blend import blend_tables
from pipeline.reporting.document import Folded, Passage, Row, Section, Table, words_then_numbers
from pipeline.reporting.metrics.run import Run
from pipeline.reporting.metrics.text import TrainBpe
from pipeline.reporting.repeats import repeats_blocks

CUT = " \u00b7 "  # between two pieces


def splits_section(run: Run) -> Section:
    """Documents, bytes and tokens of each split, whole and by source."""
    lead = (
        f"Near-duplicates share a split: {numerals.count(run.dedupe.clusters)} clusters of two or more "
        f"were found, the largest of {numerals.count(run.dedupe.largest_cluster)}. "
        "Tokens count the begin and end marks."
    )
    rows = []
    for split in SPLITS:
        packed = run.pack.splits[split]
        cells = (numerals.count(packed.documents), numerals.size(packed.bytes), numerals.count(packed.tokens))
        fit = (numerals.decimal(packed.bytes_per_token), numerals.count(packed.blocks))
        rows.append(Row((split, *cells, *fit, numerals.share(packed.utilization, digits=2)), "total"))
        if len(packed.by_source) > 1:
            for source, held in sorted(packed.by_source.items()):
                counts = (
                    numerals.count(held.documents),
                    numerals.size(held.bytes),
                    numerals.count(held.tokens),
                )
                rows.append(Row((source, *counts, "", "", ""), "detail"))
    columns = ("Split", "Documents", "Text", "Tokens", "Bytes per token", "Blocks", "Blocks filled")
    table = Table("", columns, words_then_numbers(columns), tuple(rows))
    more = (*repeats_blocks(run.dedupe), *blend_tables(run.dedupe), *_evaluation_sets(run))
    return Section("splits", "Splits", lead, (table, *more))


def _evaluation_sets(run: Run) -> list[Table | Folded]:
    """What was dropped for text of evaluation sets, where params name any."""
    sets = run.dedupe.contamination
    if not sets:
        return []
    rows = []
    for name, found in sets.items():
        counts = (found.items, found.items_too_short, found.items_hit, found.documents_hit)
        rows.append(Row((name, *(numerals.count(count) for count in counts))))
    columns = ("Set", "Items", "Too short to look for", "Items found", "Documents dropped")
    table = Table("Evaluation sets", columns, words_then_numbers(columns), tuple(rows))
    passages = tuple(
        Passage(f"{example.document}: {example.item}", "", example.text)
        for found in sets.values()
        for example in found.examples
    )
    return [table, Folded("Items that were found", passages)] if passages else [table]


def tokenizer_section(run: Run) -> Section:
    """How well the vocabulary fits, by source, with pieces to look at."""
    trained = run.train_bpe
    fit = trained.fertility
    lead = (
        f"A {trained.model_type} vocabulary of {numerals.count(trained.vocab_size)} pieces, learned from "
        f"{numerals.size(trained.sample.bytes)} of the {numerals.size(trained.sample.train_bytes)} of "
        f"train text. Measured on {numerals.size(fit.bytes)} of it, all of which came back from decoding as "
        "it was. What has no piece is spelled in bytes, a token each: no token stands for something unknown."
    )
    figures = Table(
        "",
        ("Figure", "Value"),
        ("text", "number"),
        (
            Row(("bytes per token", numerals.decimal(fit.bytes_per_token))),
            Row(("text without a piece, spelled in bytes", numerals.share(fit.spelled_share, digits=3))),
            Row(("tokens that are single bytes", numerals.share(fit.byte_token_share, digits=3))),
            Row(("pieces never used", numerals.count(fit.unused_pieces))),
        ),
    )
    return Section("tokenizer", "Tokenizer", lead, (figures, *_by_source(trained), *_pieces(trained)))


def _by_source(trained: TrainBpe) -> list[Table]:
    """A table where there is more than one source to compare."""
    sources = sorted(trained.fertility.by_source.items())
    if len(sources) < 2:
        return []
    rows = tuple(
        Row(
            (
                source,
                numerals.size(fit.bytes),
                numerals.count(fit.tokens),
                numerals.decimal(fit.bytes_per_token),
            )
        )
        for source, fit in sources
    )
    columns = ("Source", "Text", "Tokens", "Bytes per token")
    return [Table("Fit by source", columns, ("text", "number", "number", "number"), rows)]


def _pieces(trained: TrainBpe) -> list[Folded]:
    """The longest pieces, and the beginnings of some documents as the tokenizer cuts them."""
    fit = trained.fertility
    passages = [Passage("The longest pieces", "", CUT.join(fit.longest_pieces))]
    if fit.unused_examples:
        passages.append(Passage("The longest of the pieces never used", "", CUT.join(fit.unused_examples)))
    passages += [
        Passage("A document's beginning, cut", "", CUT.join(example.pieces)) for example in fit.examples
    ]
    return [Folded("Pieces to look at", tuple(passages))]
