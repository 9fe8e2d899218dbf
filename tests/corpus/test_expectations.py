"""expectations: each one fails on the corpus that breaks it, and says so for people."""

from __future__ import annotations

import os
import subprocess
import sys

import pyarrow as pa
import pytest

from pipeline.corpus.drift import Baseline
from pipeline.corpus.expectations import Outcome, hold_against_baseline, hold_against_suite
from pipeline.corpus.measures import MEASURE_SCHEMA, measure
from pipeline.settings.validate import ValidateParams
from tests.corpus.collections import named, prose

PARAMS = ValidateParams(
    min_train_documents=4, min_heldout_documents=2, min_chars=50, max_chars=5000, max_drift_share=0.5
)
SPLITS = ("train", "train", "train", "train", "val", "val", "test", "test")
SOURCES = ("files", "pydocs")


def measures(**changes: str | int) -> pa.Table:
    """The measures of a sound corpus of eight documents, the first with these columns changed."""
    rows = [measure(named(str(n), prose(n)), split) for n, split in enumerate(SPLITS)]
    return pa.Table.from_pylist([rows[0] | changes, *rows[1:]], schema=MEASURE_SCHEMA)


def failed(table: pa.Table) -> list[Outcome]:
    return [outcome for outcome in hold_against_suite(table, PARAMS, sources=SOURCES) if not outcome.passed]


def test_a_sound_corpus_meets_every_expectation_in_the_same_words_each_time() -> None:
    first = hold_against_suite(measures(), PARAMS, sources=SOURCES)
    assert all(outcome.passed for outcome in first)
    assert [outcome.column for outcome in first[1:4]] == ["id", "text_hash", "source"]
    assert first == hold_against_suite(measures(), PARAMS, sources=SOURCES)


@pytest.mark.parametrize(
    ("changes", "expectation", "examples"),
    [
        ({"id": "files-1"}, "expect_column_values_to_be_unique on id", "files-1"),
        ({"source": "elsewhere"}, "expect_column_values_to_be_in_set on source", "files-0"),
        ({"words": 0}, "expect_column_values_to_be_between on words", "files-0"),
        ({"chars": 49}, "expect_column_values_to_be_between on chars", "files-0"),
        ({"chars": 5001}, "expect_column_values_to_be_between on chars", "files-0"),
        ({"licence_phrases": 1}, "expect_column_values_to_be_between on licence_phrases", "files-0"),
        ({"control_characters": 2}, "expect_column_values_to_be_between on control_characters", "files-0"),
        ({"word_markers": 1}, "expect_column_values_to_be_between on word_markers", "files-0"),
    ],
)
def test_one_bad_document_fails_one_expectation_that_names_it(
    changes: dict[str, str | int], expectation: str, examples: str
) -> None:
    (outcome,) = failed(measures(**changes))
    assert outcome.complaint().startswith(f"{expectation}: ")
    assert outcome.examples == (examples,)
    assert f"of 8 documents, such as {examples}" in outcome.complaint()


def test_a_text_in_two_splits_fails() -> None:
    table = measures(text_hash=str(measure(named("7", prose(7)), "test")["text_hash"]))
    (outcome,) = failed(table)
    assert (outcome.column, outcome.failing_rows, outcome.examples) == (
        "text_hash",
        2,
        ("files-0", "files-7"),
    )


def test_too_few_documents_in_a_split_fail() -> None:
    few = [outcome.complaint() for outcome in failed(measures().slice(0, 6))]
    assert few == [
        "expect_table_row_count_to_be_between: test has at least 2 documents; found {'observed_value': 0}"
    ]
    assert len(failed(MEASURE_SCHEMA.empty_table())) == 3


def test_a_missing_column_fails_without_a_traceback() -> None:
    complaints = [outcome.complaint() for outcome in failed(measures().drop_columns(["word_markers"]))]
    assert any("found {'observed_value': 'an error of Great Expectations'}" in text for text in complaints)


@pytest.mark.parametrize(("share", "passes"), [(1.4, True), (1.6, False), (0.6, True), (0.4, False)])
def test_drift_beyond_the_share_fails(share: float, passes: bool) -> None:
    table = measures()
    mean = sum(table["chars"].to_pylist()) / 8
    outcome = hold_against_baseline(table, Baseline(frozenset(), mean / share), max_share=0.5)
    assert outcome.passed is passes


def test_importing_the_module_does_not_import_the_library() -> None:
    check = "import sys, pipeline.corpus.expectations; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_telemetry_is_off_before_the_library_is_imported() -> None:
    hold_against_suite(measures(), PARAMS, sources=SOURCES)
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
