"""validate: hold the corpus against a Great Expectations suite; a failure stops everything downstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from pipeline.artifacts import open_artifact, publishing, write_json
from pipeline.corpus import inspection
from pipeline.corpus.drift import Drift, drift_from, read_baseline
from pipeline.corpus.expectations import Outcome
from pipeline.corpus.leakage import Likeness, sample_held_out
from pipeline.corpus.ledger import listed
from pipeline.corpus.lengths import Lengths
from pipeline.corpus.measures import Measures, measure_splits
from pipeline.errors import DataError
from pipeline.records import SPLITS
from pipeline.settings.ingest import IngestParams
from pipeline.settings.validate import ValidateParams
from pipeline.stage import Input, Output, Work, main

PAGE = Path("reports/validate.html")  # of a refusal; no output, so that it stays when the stage fails


@dataclass(frozen=True, slots=True)
class ValidateMetrics:
    """The corpus that passed: its lengths in all, by split and by source, and its drift from the baseline."""

    expectations: int
    sampled: int
    overall: Lengths
    by_split: Mapping[str, Lengths]
    by_source: Mapping[str, Lengths]
    drift: Drift


def run(
    corpus: Input, baseline: Input, validated: Output, *, params: ValidateParams, work: Work
) -> ValidateMetrics:
    """Measures every document of the splits; DataError unless the corpus meets every expectation."""
    facts = open_artifact(corpus / "clusters", kind="clusters")
    likeness = Likeness(facts.fact("shingle_words"), facts.fact("jaccard_threshold"))
    probes = work.folder / "probes.parquet"
    sampled = sample_held_out(
        corpus, probes, most=params.near_duplicate_sample, seed=params.seed, likeness=likeness
    )
    measures = measure_splits(corpus, SPLITS, probes=probes, likeness=likeness, work=work.folder)
    suite = inspection.inspect_shards(measures)
    _refuse_failures(corpus, suite, measures)
    sources = [field.name for field in fields(IngestParams)]
    documents = inspection.inspect_documents(measures, params, sources=sources)
    suite += documents.outcomes
    suite += inspection.inspect_splits(documents.roll, listed(corpus / "clusters"), params)
    suite += inspection.inspect_probes(measures, probes, params, threshold=likeness.threshold)
    overall, by_source = documents.lengths.overall(), documents.lengths.by("source")
    drift = drift_from(read_baseline(baseline / "validate.json"), overall=overall, by_source=by_source)
    compared = inspection.inspect_drift(drift, params)
    _refuse_failures(corpus, [*suite, *compared], measures)
    with publishing(validated, kind="validation", facts={"documents": overall.documents}) as folder:
        write_json(folder / "gate.json", {"expectations": suite})
    PAGE.unlink(missing_ok=True)
    return ValidateMetrics(
        expectations=len(suite) + len(compared),
        sampled=sampled,
        overall=overall,
        by_split=documents.lengths.by("split"),
        by_source=by_source,
        drift=drift,
    )


def _refuse_failures(corpus: Path, outcomes: Sequence[Outcome], measures: Measures) -> None:
    """Raises DataError with a line that names every failed expectation, and writes a page about them."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if not failed:
        return
    from pipeline.reporting.refusal import write_refusal  # brings matplotlib, which only a refusal needs

    names = {example.name for outcome in failed for example in outcome.examples}
    write_refusal(PAGE, f"{corpus}", outcomes, inspection.excerpts(corpus, measures, names))
    complaints = [f"({number}) {outcome.complaint()}" for number, outcome in enumerate(failed, start=1)]
    raise DataError(
        f"{corpus}: {len(failed)} of {len(outcomes)} expectations failed: {'; '.join(complaints)}; see {PAGE}"
    )


if __name__ == "__main__":
    main("validate", run)
