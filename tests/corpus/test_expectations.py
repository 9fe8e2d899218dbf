"""expectations: a suite adds up what it finds batch after batch, and says it for people."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pytest

from pipeline.corpus.demands import blend_suite, document_suite, length_suite, probe_suite, split_suite
from pipeline.corpus.expectations import Demand, Example, Outcome, Suite, hold
from pipeline.corpus.ledger import LEDGER_SCHEMA
from pipeline.corpus.measures import MEASURE_SCHEMA, measure, with_sharing
from pipeline.corpus.shingles import normalize
from pipeline.settings.validate import ValidateParams
from tests.corpus.collections import named, prose

PARAMS = ValidateParams(
    min_train_documents=4,
    min_heldout_documents=2,
    min_chars=50,
    max_chars=5000,
    languages=("en", "de"),
    near_duplicate_sample=10,
    max_near_duplicate_share=0.25,
    max_drift_share=0.5,
    max_source_drift=0.2,
    seed=1,
)
SOURCES = ("files", "pydocs")


def measures(**changes: str | int) -> pa.Table:
    """The measures of a sound corpus of eight documents, the first with these columns changed."""
    texts = [prose(n) for n in range(8)]
    rows = [measure(named(str(n), text), normalize(text), "train") for n, text in enumerate(texts)]
    table = with_sharing(pa.Table.from_pylist(rows, schema=MEASURE_SCHEMA), same_id={}, same_text={})
    for name, value in changes.items():
        column = pa.array([value, *table[name].to_pylist()[1:]], table[name].type)
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def failed(table: pa.Table) -> list[Outcome]:
    outcomes = hold(table, document_suite(PARAMS, SOURCES))
    return [outcome for outcome in outcomes if not outcome.passed]


def test_a_sound_corpus_meets_every_expectation_in_the_same_words_each_time() -> None:
    first = hold(measures(), document_suite(PARAMS, SOURCES))
    assert all(outcome.passed and outcome.rows == 8 for outcome in first)
    assert [outcome.column for outcome in first[:3]] == ["same_id", "same_text", "source"]
    assert first == hold(measures(), document_suite(PARAMS, SOURCES))


def test_each_bad_value_fails_its_own_expectation_which_names_the_document() -> None:
    bad = {
        "same_id": 2,
        "same_text": 3,
        "source": "elsewhere",
        "words": 0,
        "chars": 49,
        "licence_phrases": 1,
        "control_characters": 2,
        "word_markers": 1,
        "language": "fr",
    }
    outcomes = failed(measures(**bad))
    assert {outcome.column for outcome in outcomes} == bad.keys()
    for outcome in outcomes:
        assert outcome.examples == (Example("files-0", str(bad[outcome.column])),)
        assert "; broken by 1 of 8 documents, such as files-0" in outcome.complaint()
    assert outcomes[2].complaint().endswith("such as files-0 (elsewhere)")
    (long,) = failed(measures(chars=5001))
    assert "a text has 50 to 5000 characters" in long.complaint()


def test_what_two_batches_break_is_added_up() -> None:
    suite = document_suite(PARAMS, SOURCES)
    for batch in (measures(chars=1), measures(), measures(chars=2)):
        suite.hold(batch)
    (outcome,) = (outcome for outcome in suite.outcomes() if not outcome.passed)
    assert (outcome.rows, outcome.failing_rows) == (24, 2)
    assert [example.found for example in outcome.examples] == ["1", "2"]


def test_languages_are_asked_for_only_when_params_name_some() -> None:
    assert not failed(measures(language="de"))
    columns = {demand.column for demand in document_suite(PARAMS, SOURCES).demands}

    unasked = {demand.column for demand in document_suite(replace(PARAMS, languages=()), SOURCES).demands}
    assert columns - unasked == {"language"}


def test_splits_that_are_small_or_not_those_of_the_ledger_fail() -> None:
    rows = [("train", 4, 0, 0, True), ("val", 1, 1, -1, False), ("test", 2, 0, 1, False)]
    table = pa.Table.from_pylist(
        [dict(zip(LEDGER_SCHEMA.names, row, strict=True)) for row in rows], schema=LEDGER_SCHEMA
    )
    lacking, unlisted, same = hold(table, split_suite(PARAMS))
    assert [example.name for example in lacking.examples] == ["val"]
    assert [example.name for example in unlisted.examples] == ["val", "test"]
    assert not same.passed
    assert "train has at least 4 documents, val and test 2 each" in lacking.complaint()


@pytest.mark.parametrize(("near", "passes"), [(0, True), (1, True), (2, False)])
def test_some_of_the_sample_may_have_a_near_duplicate(near: int, passes: bool) -> None:
    found = ["0.9 to files-x"] * near + [""] * (4 - near)
    table = pa.table({"id": ["a", "b", "c", "d"], "near_duplicate": found})
    (outcome,) = hold(table, probe_suite(PARAMS, 0.7))
    assert outcome.passed is passes
    assert hold(table.slice(0, 0), probe_suite(PARAMS, 0.7))[0].passed


@pytest.mark.parametrize(("change", "passes"), [(0.4, True), (0.6, False), (-0.4, True), (-0.6, False)])
def test_drift_beyond_the_share_fails(change: float, passes: bool) -> None:
    table = pa.table({"figure": ["mean text length"], "change": [change]})
    (outcome,) = hold(table, length_suite(PARAMS, 1000.0))
    assert outcome.passed is passes
    (blend,) = hold(table, blend_suite(PARAMS))
    assert not blend.passed
    assert "such as mean text length" in blend.complaint()


def test_an_error_of_the_library_fails_the_demand_without_a_traceback() -> None:
    suite = Suite("rows", [Demand("ExpectColumnValuesToBeBetween", "gone", "r", {"max_value": 1})], name="id")
    (outcome,) = hold(pa.table({"id": ["a"]}), suite)
    assert (outcome.passed, outcome.failing_rows) == (False, 1)


def test_importing_the_module_does_not_import_the_library() -> None:
    check = "import sys, pipeline.corpus.expectations; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_telemetry_is_off_before_the_library_is_imported() -> None:
    failed(measures())
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
