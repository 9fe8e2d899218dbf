"""What stood between the corpus and training: the expectations it met, its lengths, and its drift."""

from __future__ import annotations

from pipeline.records import SPLITS
from pipeline.reporting import numerals
from pipeline.reporting.document import Role, Row, Section, Table, words_then_numbers
from pipeline.reporting.metrics.text import Drift, Lengths, Validate


def gate_section(validate: Validate) -> Section:
    """How many expectations the corpus met, and how long its documents are."""
    lead = (
        f"The corpus met all {numerals.count(validate.expectations)} expectations of its suite; one that "
        f"fails stops everything downstream. {drift(validate.drift)}"
    )
    percentiles = sorted(validate.overall.percentiles_chars, key=int)
    rows = [
        _row("all", validate.overall, percentiles, role="total"),
        *(
            _row(split, validate.by_split[split], percentiles)
            for split in SPLITS
            if split in validate.by_split
        ),
        *(_row(source, lengths, percentiles) for source, lengths in sorted(validate.by_source.items())),
    ]
    columns = ("", "Documents", "Mean", *(f"{percentile} %" for percentile in percentiles))
    table = Table(
        "Length of documents in characters: mean and percentiles",
        columns,
        words_then_numbers(columns),
        tuple(rows),
    )
    return Section("gate", "Gate", lead, (table,))


def drift(found: Drift) -> str:
    """The drift in a sentence."""
    if found.change_share is not None and found.baseline_mean_chars is not None:
        return (
            f"The mean document changed by {numerals.signed_share(found.change_share)} against the "
            f"{numerals.decimal(found.baseline_mean_chars, digits=0)} characters of the accepted baseline's."
        )
    if found.status == "other sources":
        return "The accepted baseline has other sources, so drift was not measured."
    return "Drift was not measured: there is no accepted baseline."


def _row(name: str, lengths: Lengths, percentiles: list[str], *, role: Role = "plain") -> Row:
    spread = (numerals.count(lengths.percentiles_chars[percentile]) for percentile in percentiles)
    return Row(
        (name, numerals.count(lengths.documents), numerals.decimal(lengths.mean_chars, digits=0), *spread),
        role,
    )
