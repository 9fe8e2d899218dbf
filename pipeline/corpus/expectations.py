"""Tables held against expectations with Great Expectations, batch after batch.

Of Great Expectations' results only what is the same in every run is kept: no run ids, times or batch names.
Its Data Docs are never made: they put values into HTML unescaped and load scripts from elsewhere. It takes
about 1 kB of memory a row, so no table is ever given to it whole.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pyarrow as pa

MAX_EXAMPLES = 5
MAX_NAME_CHARS, MAX_FOUND_CHARS = 200, 500
SHOWN_EXAMPLES, SHOWN_NAME_CHARS, SHOWN_FOUND_CHARS = 3, 60, 200  # of them, in one line


@dataclass(frozen=True, slots=True)
class Demand:
    """One expectation about the values of a column, and the rule it holds in words.

    `expectation` is a class of Great Expectations, `arguments` are its own.
    """

    expectation: str
    column: str
    rule: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """A row that breaks a rule: its name, and the value found there."""

    name: str
    found: str

    def told(self) -> str:
        """Name and value in a few words; a number says nothing that the rule does not."""
        name, found = self.name[:SHOWN_NAME_CHARS], self.found[:SHOWN_FOUND_CHARS]
        return name if re.fullmatch(r"[-0-9.e]*", found) else f"{name} ({found})"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One demand, and whether the corpus meets it.

    `subject` says what the `rows` are that were looked at (documents, shards), `failing_rows` how many of
    them break the rule.
    """

    subject: str
    expectation: str
    column: str
    rule: str
    arguments: Mapping[str, Any]
    passed: bool
    rows: int
    failing_rows: int
    examples: tuple[Example, ...]

    def complaint(self) -> str:
        """What is wrong, for the person who must mend it: one line."""
        names = [example.told() for example in self.examples[:SHOWN_EXAMPLES]]
        examples = f", such as {', '.join(names)}" if names else ""
        return (
            f"{self.expectation} on {self.column}: {self.rule}; "
            f"broken by {self.failing_rows} of {self.rows} {self.subject}{examples}"
        )


@dataclass(slots=True)
class _Count:
    rows: int = 0
    failing_rows: int = 0
    passed: bool = True
    examples: list[Example] = field(default_factory=list)


class Suite:
    """Demands on the rows of a table that comes in batches, and what has been found so far.

    `subject` says in the plural what the rows are, `name` is the column that names one.
    """

    def __init__(self, subject: str, demands: Sequence[Demand], *, name: str) -> None:
        self.subject = subject
        self.demands = tuple(demands)
        self._name = name
        self._counts = [_Count() for _ in demands]

    def hold(self, batch: pa.Table) -> None:
        """Holds the rows against every demand."""
        if not self.demands:
            return
        for place, result in _results(batch, self.demands, name=self._name):
            count, found = self._counts[place], result["result"]
            count.passed &= result["success"]
            count.rows += batch.num_rows
            if result["exception_info"].get("raised_exception", True):
                count.failing_rows += batch.num_rows
            count.failing_rows += found.get("unexpected_count", 0)
            room = MAX_EXAMPLES - len(count.examples)
            count.examples += self._examples(found, self.demands[place].column)[:room]

    def outcomes(self) -> list[Outcome]:
        """What was found of each demand, in their order; of no row at all, that it is met."""
        return [
            Outcome(
                self.subject,
                demand.expectation,
                demand.column,
                demand.rule,
                demand.arguments,
                count.passed,
                count.rows,
                count.failing_rows,
                tuple(count.examples),
            )
            for demand, count in zip(self.demands, self._counts, strict=True)
        ]

    def _examples(self, found: Mapping[str, Any], column: str) -> list[Example]:
        rows = found.get("partial_unexpected_index_list") or []
        examples = [
            Example(str(row[self._name])[:MAX_NAME_CHARS], str(row.get(column, ""))[:MAX_FOUND_CHARS])
            for row in rows
        ]
        return list(dict.fromkeys(examples))


def hold(table: pa.Table, suite: Suite) -> list[Outcome]:
    """The outcomes of a suite for a table that is small."""
    suite.hold(table)
    return suite.outcomes()


def _results(batch: pa.Table, demands: Sequence[Demand], *, name: str) -> list[tuple[int, dict[str, Any]]]:
    """Great Expectations' result on the batch for each demand, with the demand's place."""
    library, everything = _great_expectations(), _frames()
    expectations = [
        getattr(library.expectations, demand.expectation)(
            column=demand.column, meta={"place": place}, **demand.arguments
        )
        for place, demand in enumerate(demands)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = everything.get_batch({"dataframe": batch.to_pandas()}).validate(
            library.ExpectationSuite(name="corpus", expectations=expectations),
            result_format={"result_format": "SUMMARY", "unexpected_index_column_names": [name]},
        )
    results = [result.to_json_dict() for result in report.results]
    return [(result["expectation_config"]["meta"]["place"], result) for result in results]


@functools.cache
def _frames() -> Any:
    """Where data frames are handed to the library: a project in memory; nothing is sent, shown or written."""
    library = _great_expectations()
    types = library.data_context.types.base
    project = types.DataContextConfig(
        analytics_enabled=False,
        progress_bars=types.ProgressBarsConfig(globally=False),
        store_backend_defaults=types.InMemoryStoreBackendDefaults(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data_sources = library.get_context(mode="ephemeral", project_config=project).data_sources
        asset = data_sources.add_pandas("corpus").add_dataframe_asset("rows")
        return asset.add_batch_definition_whole_dataframe("all")


@functools.cache
def _great_expectations() -> ModuleType:
    """The library, imported on first use because that takes seconds, with its telemetry off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
        import great_expectations.expectations
    return great_expectations
