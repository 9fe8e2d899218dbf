"""The corpus held against its suites: tables, documents, the sample, splits, drift."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import read_table
from pipeline.corpus.demands import (
    blend_suite,
    document_suite,
    least_documents,
    length_suite,
    probe_suite,
    shard_suite,
    split_suite,
)
from pipeline.corpus.drift import Drift
from pipeline.corpus.expectations import Outcome, hold
from pipeline.corpus.leakage import PROBE_SCHEMA
from pipeline.corpus.ledger import Roll, compare
from pipeline.corpus.lengths import LengthCounts
from pipeline.corpus.measures import MEASURE_SCHEMA, Measures, with_sharing
from pipeline.corpus.repeats import repeated
from pipeline.records import DOCUMENT_SCHEMA
from pipeline.settings.validate import ValidateParams

EXCERPT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found of all documents: the outcomes of their suite, their lengths, and who they are."""

    outcomes: tuple[Outcome, ...]
    lengths: LengthCounts
    roll: Roll


def inspect_shards(measures: Measures) -> list[Outcome]:
    """The outcomes of the suite on the tables themselves."""
    return hold(measures.shards, shard_suite())


def inspect_documents(measures: Measures, params: ValidateParams, *, sources: Sequence[str]) -> Inspection:
    """Holds every document against the suite, a batch in memory at a time."""
    rows = int(pc.sum(measures.shards["documents"]).as_py() or 0)
    same_id = repeated(partial(measures.column, "id"), rows=rows)
    same_text = repeated(partial(measures.column, "text_hash"), rows=rows)
    suite, lengths, roll = document_suite(params, sources), LengthCounts(), Roll()
    for batch in measures.batches():
        lengths.add(batch)
        roll.add(batch)
        suite.hold(with_sharing(batch, same_id=same_id, same_text=same_text))
    return Inspection(tuple(suite.outcomes()), lengths, roll)


def inspect_probes(
    measures: Measures, probes: Path, params: ValidateParams, *, threshold: float
) -> list[Outcome]:
    """Holds the sampled held-out documents against their suite: each with its nearest document elsewhere."""
    twins = measures.twins().sort_by([("similarity", "descending"), ("twin", "ascending")])
    nearest: dict[str, str] = {}
    for row in twins.to_pylist():
        nearest.setdefault(row["id"], f"{row['similarity']:.3f} to {row['twin']}")
    ids = read_table(probes, schema=PROBE_SCHEMA, columns=["id"])["id"]
    found = pa.array([nearest.get(name, "") for name in ids.to_pylist()], pa.string())
    return hold(pa.table({"id": ids, "near_duplicate": found}), probe_suite(params, threshold))


def inspect_splits(files: Roll, table: Roll, params: ValidateParams) -> list[Outcome]:
    """The outcomes of the suite on the splits: their sizes, and that they hold what deduplication kept."""
    return hold(compare(files, table, least_documents(params)), split_suite(params))


def inspect_drift(drift: Drift, params: ValidateParams) -> list[Outcome]:
    """The outcomes of what is demanded against the accepted baseline; none where nothing compares."""
    if drift.change_share is None or drift.baseline_mean_chars is None:
        return []
    length = pa.table({"figure": ["mean text length"], "change": [drift.change_share]})
    sources = list(drift.source_changes)
    blend = pa.table(
        {
            "figure": [f"share of {source}" for source in sources],
            "change": [drift.source_changes[source] for source in sources],
        }
    )
    return [*hold(length, length_suite(params, drift.baseline_mean_chars)), *hold(blend, blend_suite(params))]


def excerpts(corpus: Path, measures: Measures, names: Collection[str]) -> dict[str, str]:
    """How the texts of those begin that are the names of documents."""
    wanted = pa.array(sorted(names), pa.string())
    found: dict[str, str] = {}
    sound = measures.shards.filter(pc.equal(measures.shards["problem"], ""))
    for shard, path in zip(sound["shard"].to_pylist(), measures.tables, strict=True):
        ids = read_table(path, schema=MEASURE_SCHEMA, columns=["id"])["id"]
        rows = pc.indices_nonzero(pc.is_in(ids, value_set=wanted))
        if len(rows):
            texts = read_table(corpus / shard, schema=DOCUMENT_SCHEMA, columns=["id", "text"]).take(rows)
            found |= {row["id"]: row["text"][:EXCERPT_CHARS] for row in texts.to_pylist()}
    return found
