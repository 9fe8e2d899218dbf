"""validate: hold the corpus against a Great Expectations suite; a failure stops everything downstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from pipeline.artifacts import publishing, write_json
from pipeline.corpus.drift import Drift, drift_from, read_baseline
from pipeline.corpus.expectations import Outcome, hold_against_baseline, hold_against_suite
from pipeline.corpus.measures import Lengths, lengths, lengths_by, measure_splits
from pipeline.corpus.splitting import SPLITS
from pipeline.errors import DataError
from pipeline.settings.ingest import IngestParams
from pipeline.settings.validate import ValidateParams
from pipeline.stage import Input, Output, Work, main


@dataclass(frozen=True, slots=True)
class ValidateMetrics:
    """The corpus that passed: its lengths in all, by split and by source, and its drift from the baseline."""

    expectations: int
    overall: Lengths
    by_split: Mapping[str, Lengths]
    by_source: Mapping[str, Lengths]
    drift: Drift


def run(
    corpus: Input, baseline: Input, validated: Output, *, params: ValidateParams, work: Work
) -> ValidateMetrics:
    """Measures every document of the splits and refuses the corpus unless it meets every expectation."""
    measures = measure_splits(corpus, SPLITS, work=work.folder)
    suite = hold_against_suite(measures, params, sources=[field.name for field in fields(IngestParams)])
    overall, by_source = lengths(measures), lengths_by(measures, "source")
    accepted = read_baseline(baseline / "validate.json")
    drift = drift_from(accepted, sources=by_source, mean_chars=overall.mean_chars)
    compared = []
    if accepted and drift.status == "compared":
        compared.append(hold_against_baseline(measures, accepted, max_share=params.max_drift_share))
    _refuse_failures(corpus, [*suite, *compared])
    with publishing(validated, kind="validation", facts={"documents": overall.documents}) as folder:
        write_json(folder / "gate.json", {"expectations": suite})
    return ValidateMetrics(
        expectations=len(suite) + len(compared),
        overall=overall,
        by_split=lengths_by(measures, "split"),
        by_source=by_source,
        drift=drift,
    )


def _refuse_failures(corpus: Path, outcomes: Sequence[Outcome]) -> None:
    """Raises DataError with a line that names every failed expectation."""
    complaints = [outcome.complaint() for outcome in outcomes if not outcome.passed]
    if complaints:
        listed = "; ".join(f"({number}) {complaint}" for number, complaint in enumerate(complaints, start=1))
        raise DataError(f"{corpus}: {len(complaints)} of {len(outcomes)} expectations failed: {listed}")


if __name__ == "__main__":
    main("validate", run)
