"""Where the documents went, from what was read to tokens: by source, and every drop with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.records import SPLITS
from pipeline.reporting import numerals, theme
from pipeline.reporting.charts import Bar, bars, figure
from pipeline.reporting.document import Figure, Folded, Prose, Row, Section, Table, words_then_numbers
from pipeline.reporting.metrics.run import SOURCES, Run


@dataclass(frozen=True, slots=True)
class Step:
    """One station on the way: how many documents of each source are there, or were dropped there."""

    label: str
    documents: Mapping[str, int]
    dropped: bool = False

    @property
    def total(self) -> int:
        """The documents of all sources together."""
        return sum(self.documents.values())


def account_section(run: Run) -> Section:
    """The waterfall as a chart and as a table, which sources were off, and examples of what was dropped."""
    steps = waterfall(run)
    sources = tuple(source for source in SOURCES if run.ingest[source].enabled)
    off = [source for source in SOURCES if source not in sources]
    lead = (
        "Every document that was read is in one of the splits or was dropped for one named reason. "
        + (f"Sources turned off: {', '.join(off)}." if off else "")
    ).strip()
    blocks = [
        _chart(steps),
        _table(steps, run, sources),
        _repairs(run, sources),
        *_lines_cut(run, sources),
        *_examples(run, sources),
    ]
    return Section("documents", "From documents to tokens", lead, tuple(blocks))


def waterfall(run: Run) -> list[Step]:
    """The steps from what was read to what is packed; a reason that dropped nothing is left out."""
    cleaned_from_dedupe = {source: run.dedupe.by_source.get(source) for source in SOURCES}
    of_dedupe = {source: account for source, account in cleaned_from_dedupe.items() if account}
    return [
        Step("read", {source: run.ingest[source].documents_in for source in SOURCES}),
        *_drops({source: run.ingest[source].dropped for source in SOURCES}),
        Step("kept by ingest", {source: run.ingest[source].documents_kept for source in SOURCES}),
        *_drops({source: run.clean[source].dropped for source in SOURCES}),
        Step("kept by clean", {source: run.clean[source].documents_kept for source in SOURCES}),
        *_drops({source: account.dropped for source, account in of_dedupe.items()}),
        Step("kept by dedupe", {source: account.documents_kept for source, account in of_dedupe.items()}),
        Step("packed as tokens", packed_documents(run)),
    ]


def packed_documents(run: Run) -> dict[str, int]:
    """Documents of each source in the packed splits."""
    return {source: sum(_packed(run, split, source)[0] for split in SPLITS) for source in SOURCES}


def unaccounted(steps: list[Step]) -> dict[str, int]:
    """For each source: documents read that are neither packed nor dropped. All zero in a balanced account."""
    read, packed = steps[0].documents, steps[-1].documents
    return {
        source: read[source]
        - packed[source]
        - sum(step.documents.get(source, 0) for step in steps if step.dropped)
        for source in read
    }


def _drops(dropped: Mapping[str, Mapping[str, int]]) -> list[Step]:
    """One step for each reason that dropped something; `dropped` is source -> reason -> count."""
    reasons = sorted({reason for counts in dropped.values() for reason in counts})
    steps = [
        Step(
            reason.replace("_", " "),
            {source: counts.get(reason, 0) for source, counts in dropped.items()},
            True,
        )
        for reason in reasons
    ]
    return [step for step in steps if step.total]


def _chart(steps: list[Step]) -> Figure:
    rows: list[Bar] = []
    level = 0
    for step in steps:
        if step.dropped:
            value = numerals.MINUS + numerals.count(step.total)
            rows.append(Bar(step.label, level, value, colour=theme.LOSS, start=level - step.total))
            level -= step.total
        else:
            level = step.total
            rows.append(Bar(step.label, level, numerals.count(level)))
    return figure(
        "waterfall",
        lambda width: bars(rows, width),
        caption="Documents of all sources. Blue is what a stage kept, red what it dropped, by reason.",
        alt=f"Waterfall chart from {steps[0].total} documents read to {steps[-1].total} packed",
    )


def _table(steps: list[Step], run: Run, sources: tuple[str, ...]) -> Table:
    """One row a step, one column a source; the last rows are the balance and what the documents became."""
    rows = []
    for step in steps:
        counts = [*(step.documents.get(source, 0) for source in sources), step.total]
        sign = numerals.MINUS if step.dropped else ""
        cells = (sign + numerals.count(value) if value else numerals.DASH for value in counts)
        rows.append(Row((step.label, *cells), "detail" if step.dropped else "total"))
    rest = unaccounted(steps)
    unexplained = [*(rest[source] for source in sources), sum(rest.values())]
    rows.append(
        Row(("unaccounted for", *map(numerals.count, unexplained)), "marked" if any(unexplained) else "plain")
    )
    tokens = [sum(_packed(run, split, source)[1] for split in SPLITS) for source in sources]
    rows.append(Row(("tokens", *map(numerals.count, [*tokens, sum(tokens)]))))
    columns = ("", *sources, "all")
    return Table(
        "Documents by source",
        columns,
        words_then_numbers(columns),
        tuple(rows),
    )


def _repairs(run: Run, sources: tuple[str, ...]) -> Folded | Prose:
    """What cleaning repaired in the documents, by source."""
    rows = _counted({source: run.clean[source].repaired for source in sources})
    if not rows:
        return Prose("No document needed a repair.")
    columns = ("Repair", *sources, "all")
    return Folded(
        "What was repaired, in how many documents", (Table("", columns, words_then_numbers(columns), rows),)
    )


def _lines_cut(run: Run, sources: tuple[str, ...]) -> list[Folded]:
    """The lines that cleaning cut from documents it kept, by source."""
    rows = _counted({source: run.clean[source].lines_cut for source in sources})
    if not rows:
        return []
    columns = ("Rule", *sources, "all")
    table = Table("", columns, words_then_numbers(columns), rows)
    return [Folded("Lines cut from documents that were kept", (table,))]


def _counted(counts: Mapping[str, Mapping[str, int]]) -> tuple[Row, ...]:
    """A row for each name that was counted, one column a source and one for all; `counts` is by source."""
    names = sorted({name for by_name in counts.values() for name in by_name})
    values = {name: [by_name.get(name, 0) for by_name in counts.values()] for name in names}
    return tuple(
        Row((name.replace("_", " "), *map(numerals.count, [*found, sum(found)])))
        for name, found in values.items()
        if any(found)
    )


def _examples(run: Run, sources: tuple[str, ...]) -> list[Folded]:
    """Some of the documents that ingest dropped, named as their source names them."""
    rows = tuple(
        Row((source, reason.replace("_", " "), origin))
        for source in sources
        for reason, origins in sorted(run.ingest[source].examples.items())
        for origin in origins
    )
    if not rows:
        return []
    table = Table("", ("Source", "Reason", "Document"), ("text", "text", "code"), rows)
    return [Folded("Examples of documents that ingest dropped", (table,))]


def _packed(run: Run, split: str, source: str) -> tuple[int, int]:
    """Documents and tokens of a source in a packed split."""
    held = run.pack.splits[split].by_source.get(source)
    return (held.documents, held.tokens) if held else (0, 0)
