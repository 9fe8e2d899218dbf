"""How well the models predict text they never saw, beside floors that need no neural network."""

from __future__ import annotations

from pipeline.records import HELD_OUT
from pipeline.reporting import numerals, theme
from pipeline.reporting.charts import Bar, bars, figure
from pipeline.reporting.document import Figure, Folded, Passage, Row, Section, Table
from pipeline.reporting.metrics.model import Evaluate
from pipeline.reporting.metrics.run import FORMS, MODELS, Run

MODEL_NAMES = {"base": "base", "tuned": "tuned", "int8": "tuned, int8", "int4": "tuned, int4"}


def quality_section(run: Run) -> Section:
    """Bits per byte and perplexity of every model, whole and by source."""
    base = run.evaluate["base"]
    total = base.splits["test"].total
    lead = (
        f"Every token of {scored_documents(run)} ({numerals.size(total.bytes)}) is predicted once, with "
        f"intervals of {confidence(run)} from resampling documents; how much another training seed would "
        "change is not in them. "
        "A result near a floor says that the model learned little more than the floor knows."
    )
    return Section("quality", "Bits per byte", lead, (_chart(run), _scores(run), _by_source(run)))


def scored_documents(run: Run) -> str:
    """`610 test documents`, or `400 of 610 test documents, taken at random` when params stop there."""
    scored = run.evaluate["base"].splits["test"].total.documents
    all_documents = run.pack.splits["test"].documents
    if scored == all_documents:
        return f"{numerals.count(scored)} test documents"
    return f"{numerals.count(scored)} of {numerals.count(all_documents)} test documents, taken at random"


def confidence(run: Run) -> str:
    """`95 %`: what the intervals promise."""
    return (
        f"{numerals.significant(100 * run.evaluate['base'].provenance.params['confidence'])}{numerals.GAP}%"
    )


def samples_section(run: Run) -> Section:
    """What the models wrote: the quantized ones folded away."""
    lead = (
        "The base model continues a prompt (coloured); the tuned one answers it. Nothing was picked by hand."
    )
    shown = [passage for model in ("base", "tuned") for passage in _passages(run.evaluate[model])]
    folded = [
        Folded(f"The same from {MODEL_NAMES[model]}", tuple(_passages(run.evaluate[model])))
        for model in FORMS
        if run.evaluate[model].samples
    ]
    return Section("samples", "Samples", lead, (*shown, *folded))


def _chart(run: Run) -> Figure:
    """Models and floors on one scale that starts at zero."""
    floors = run.evaluate["base"].floors["test"]
    best_name, best = floors.best()
    rows = []
    for model in MODELS:
        score = run.evaluate[model].splits["test"].total
        value = numerals.decimal(score.bits_per_byte)
        rows.append(Bar(MODEL_NAMES[model], score.bits_per_byte, value, interval=score.interval))
    for name, floor in sorted(floors.named().items(), key=lambda item: item[1]):
        rows.append(Bar(name, floor, numerals.decimal(floor), colour=theme.FLOOR))
    return figure(
        "bits-per-byte",
        lambda width: bars(rows, width, reference=best),
        caption=f"Bits per byte on test documents; lower is better. Models in blue with {confidence(run)} "
        f"intervals, floors in grey; the dashed line is the best floor, {best_name}.",
        alt=f"Bar chart: base model {rows[0].value}, best floor {best_name} {numerals.decimal(best)}",
    )


def _scores(run: Run) -> Table:
    """Models and floors by row; bits per byte, interval and perplexity of each held-out split by column."""
    rows = []
    for model in MODELS:
        cells = [MODEL_NAMES[model], numerals.short_count(run.evaluate[model].parameters)]
        for split in HELD_OUT:
            score = run.evaluate[model].splits[split].total
            value, interval = numerals.decimal(score.bits_per_byte), numerals.interval(score.interval)
            cells += [value, interval, numerals.decimal(score.perplexity, digits=2)]
        rows.append(Row(tuple(cells)))
    floors = [run.evaluate["base"].floors[split].named() for split in HELD_OUT]
    for name in floors[0]:
        values = [(numerals.decimal(of_split[name]), "", "") for of_split in floors]
        rows.append(Row((name, "", *values[0], *values[1]), "detail"))
    columns = [f"{split} {what}" for split in HELD_OUT for what in ("bpb", "interval", "perplexity")]
    return Table("Models and floors", ("", "Parameters", *columns), ("text", *("number",) * 7), tuple(rows))


def _by_source(run: Run) -> Table:
    """Bits per byte on the test documents of each source."""
    base = run.evaluate["base"].splits["test"].by_source
    rows = []
    for source, score in sorted(base.items()):
        cells = [source, numerals.count(score.documents), numerals.size(score.bytes)]
        for model in MODELS:
            cells.append(numerals.decimal(run.evaluate[model].splits["test"].by_source[source].bits_per_byte))
        rows.append(Row((*cells, numerals.interval(score.interval))))
    columns = ("Source", "Documents", "Text", *MODELS, "base interval")
    return Table("Test bits per byte by source", columns, ("text", *("number",) * 7), tuple(rows))


def _passages(evaluated: Evaluate) -> list[Passage]:
    """The samples of one model; a continuation goes on where the prompt ends, an answer begins a new line."""
    name = MODEL_NAMES[evaluated.model]
    gap = "" if evaluated.role == "base" else "\n"
    endings = {"end": "ended by itself", "limit": "stopped at the limit"}
    return [
        Passage(
            f"{name}: {numerals.count(sample.tokens)} tokens, {endings.get(sample.stopped, sample.stopped)}",
            sample.prompt,
            gap + sample.text,
        )
        for sample in evaluated.samples
    ]
