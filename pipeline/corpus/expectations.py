"""What the corpus must be like, as a Great Expectations suite over the measures of its documents.

Of Great Expectations' results only what is the same in every run is kept: no run ids, times or batch names.
Its Data Docs are never made: they put values into HTML unescaped and load scripts from elsewhere.
"""

from __future__ import annotations

import functools
import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pyarrow as pa

from pipeline.corpus.drift import Baseline
from pipeline.corpus.measures import MEASURE_SCHEMA
from pipeline.settings.validate import ValidateParams

MAX_EXAMPLES = 3
MAX_EXAMPLE_CHARS = 60

_ABSENT = {
    "licence_phrases": "no text holds Project Gutenberg's licence or marks",
    "control_characters": "no text holds control characters but tab and line feed",
    "word_markers": "no text holds U+2581, which the tokenizer cannot tell from a space",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation, and whether the corpus meets it.

    `arguments` are those of the Great Expectations class that `expectation` names; `rule` says them in
    words. `observed` is what was found, `failing_rows` how many documents break the rule, `examples` the
    ids of some.
    """

    expectation: str
    column: str
    rule: str
    arguments: Mapping[str, Any]
    passed: bool
    observed: Mapping[str, Any]
    failing_rows: int
    examples: tuple[str, ...]

    def complaint(self) -> str:
        """What is wrong, for the person who must mend it: one line."""
        subject = f"{self.expectation} on {self.column}" if self.column else self.expectation
        rows = self.observed.get("element_count")
        found = (
            f"broken by {self.failing_rows} of {rows} documents" if rows else f"found {dict(self.observed)}"
        )
        examples = f", such as {', '.join(self.examples)}" if self.examples else ""
        return f"{subject}: {self.rule}; {found}{examples}"


def hold_against_suite(
    measures: pa.Table, params: ValidateParams, *, sources: Sequence[str]
) -> list[Outcome]:
    """The outcome of every expectation of the suite, in its order, for measures of MEASURE_SCHEMA."""
    gxe = _great_expectations().expectations
    lengths = f"a text has {params.min_chars} to {params.max_chars} characters"
    suite = [
        gxe.ExpectTableColumnsToMatchOrderedList(
            column_list=MEASURE_SCHEMA.names, meta=_rule("every document is measured in full")
        ),
        gxe.ExpectColumnValuesToBeUnique(column="id", meta=_rule("an id belongs to one document")),
        gxe.ExpectColumnValuesToBeUnique(
            column="text_hash", meta=_rule("a text occurs once, so never in two splits")
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="source", value_set=list(sources), meta=_rule(f"a source is one of {', '.join(sources)}")
        ),
        gxe.ExpectColumnValuesToBeBetween(column="words", min_value=1, meta=_rule("a text is not blank")),
        gxe.ExpectColumnValuesToBeBetween(
            column="chars", min_value=params.min_chars, max_value=params.max_chars, meta=_rule(lengths)
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(column=column, max_value=0, meta=_rule(rule))
            for column, rule in _ABSENT.items()
        ),
        *_counts(params),
    ]
    return _outcomes(measures, suite)


def hold_against_baseline(measures: pa.Table, baseline: Baseline, *, max_share: float) -> Outcome:
    """Whether the mean length lies within `max_share` of the baseline's, above or below it."""
    rule = (
        f"the mean text length is within {max_share:.0%} of the accepted {baseline.mean_chars:.1f} "
        "characters (if it is meant, raise validate.max_drift_share or delete reports/baseline/validate.json)"
    )
    expectation = _great_expectations().expectations.ExpectColumnMeanToBeBetween(
        column="chars",
        min_value=baseline.mean_chars * (1 - max_share),
        max_value=baseline.mean_chars * (1 + max_share),
        meta=_rule(rule),
    )
    return _outcomes(measures, [expectation])[0]


def _counts(params: ValidateParams) -> list[Any]:
    """One expectation per split: how many documents it has at least."""
    gxe = _great_expectations().expectations
    column = gxe.row_conditions.Column
    least = {
        "train": params.min_train_documents,
        "val": params.min_heldout_documents,
        "test": params.min_heldout_documents,
    }
    return [
        gxe.ExpectTableRowCountToBeBetween(
            min_value=minimum,
            row_condition=column("split") == split,
            meta=_rule(f"{split} has at least {minimum} documents"),
        )
        for split, minimum in least.items()
    ]


def _rule(words: str) -> dict[str, str]:
    return {"rule": words}


def _outcomes(measures: pa.Table, suite: Sequence[Any]) -> list[Outcome]:
    """Every expectation's outcome, in the order of the suite."""
    library = _great_expectations()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data_sources = library.get_context(mode="ephemeral", project_config=_silent_project()).data_sources
        asset = data_sources.add_pandas("corpus").add_dataframe_asset("documents")
        everything = asset.add_batch_definition_whole_dataframe("all")
        report = everything.get_batch({"dataframe": measures.to_pandas()}).validate(
            library.ExpectationSuite(name="corpus", expectations=list(suite)),
            result_format={"result_format": "SUMMARY", "unexpected_index_column_names": ["id"]},
        )
    places = {expectation.meta["rule"]: place for place, expectation in enumerate(suite)}
    found = [_outcome(result.to_json_dict()) for result in report.results]
    return sorted(found, key=lambda outcome: places[outcome.rule])


def _silent_project() -> Any:
    """Settings of a project that lives in memory: nothing is sent, shown or written."""
    types = _great_expectations().data_context.types.base
    return types.DataContextConfig(
        analytics_enabled=False,
        progress_bars=types.ProgressBarsConfig(globally=False),
        store_backend_defaults=types.InMemoryStoreBackendDefaults(),
    )


def _outcome(result: Mapping[str, Any]) -> Outcome:
    """What is kept of one result of Great Expectations."""
    expectation, found = result["expectation_config"], result["result"]
    arguments = {name: value for name, value in expectation["kwargs"].items() if name != "batch_id"}
    failing = found.get("partial_unexpected_index_list") or []
    if result["exception_info"].get("raised_exception", True):
        found = {"observed_value": "an error of Great Expectations"}
    kept = ("observed_value", "element_count", "unexpected_count")
    return Outcome(
        expectation=expectation["type"],
        column=arguments.get("column", ""),
        rule=expectation["meta"]["rule"],
        arguments=arguments,
        passed=result["success"],
        observed={name: found[name] for name in kept if name in found},
        failing_rows=found.get("unexpected_count", 0),
        examples=tuple(dict.fromkeys(row["id"][:MAX_EXAMPLE_CHARS] for row in failing))[:MAX_EXAMPLES],
    )


@functools.cache
def _great_expectations() -> ModuleType:
    """The library, imported on first use because that takes seconds, with its telemetry off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
        import great_expectations.expectations.row_conditions
    return great_expectations
