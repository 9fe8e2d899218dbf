"""What the corpus must be like: the suites of demands that `validate` holds it against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.corpus.expectations import Demand, Suite
from pipeline.settings.validate import ValidateParams

_ABSENT = {
    "licence_phrases": "no text holds Project Gutenberg's licence or marks",
    "control_characters": "no text holds control characters but tab and line feed",
    "word_markers": "no text holds U+2581, which the tokenizer cannot tell from a space",
}


def shard_suite() -> Suite:
    """Demands on the tables themselves."""
    rule = "a shard has the columns of a document, in their types, with a value in every row"
    return Suite("shards", [_among("problem", [""], rule)], name="shard")


def document_suite(params: ValidateParams, sources: Sequence[str]) -> Suite:
    """Demands on every document; rows are measures with the columns that `with_sharing` adds."""
    demands = [
        _between("same_id", "an id belongs to one document", highest=1),
        _between("same_text", "a text occurs once, so never in two splits", highest=1),
        _among("source", list(sources), f"a source is one of {', '.join(sources)}"),
        _between("words", "a text is not blank", lowest=1),
        _between(
            "chars",
            f"a text has {params.min_chars} to {params.max_chars} characters",
            lowest=params.min_chars,
            highest=params.max_chars,
        ),
        *(_between(column, rule, highest=0) for column, rule in _ABSENT.items()),
    ]
    if params.languages:
        asked = ", ".join(params.languages)
        rule = (
            f"the language identified, else the one its source names, is one of {asked} (validate.languages)"
        )
        demands.append(_among("language", ["", *params.languages], rule))
    return Suite("documents", demands, name="id")


def split_suite(params: ValidateParams) -> Suite:
    """Demands on the splits; rows are those of LEDGER_SCHEMA."""
    train, held_out = params.min_train_documents, params.min_heldout_documents
    least = f"train has at least {train} documents, val and test {held_out} each"
    demands = [
        _between("lacking", least, highest=0),
        _between("unlisted", "a split has as many documents as were kept for it", lowest=0, highest=0),
        _among("same_ids", [True], "a split has the documents that were kept for it, and no others"),
    ]
    return Suite("splits", demands, name="split")


def least_documents(params: ValidateParams) -> dict[str, int]:
    """How many documents each split must have."""
    held_out = params.min_heldout_documents
    return {"train": params.min_train_documents, "val": held_out, "test": held_out}


def probe_suite(params: ValidateParams, threshold: float) -> Suite:
    """Demands on the sampled held-out documents."""
    most = params.max_near_duplicate_share
    rule = (
        f"at most {most:.2%} of sampled held-out documents have a near duplicate in another split "
        f"(Jaccard similarity {threshold:g} or more)"
    )
    none = _among("near_duplicate", [""], rule, mostly=1 - most)
    return Suite("sampled held-out documents", [none], name="id")


def length_suite(params: ValidateParams, accepted_chars: float) -> Suite:
    """The demand on the change of the mean text length; rows have the columns figure and change."""
    most = params.max_drift_share
    rule = (
        f"the mean text length is within {most:.0%} of the accepted {accepted_chars:.1f} characters (if it "
        "is meant, raise validate.max_drift_share or delete reports/baseline/validate.json)"
    )
    return Suite("figures", [_between("change", rule, lowest=-most, highest=most)], name="figure")


def blend_suite(params: ValidateParams) -> Suite:
    """The demand on the change of each source's share of the text; rows have figure and change."""
    most = params.max_source_drift
    rule = (
        f"a source's share of all text is within {most:.0%} of all text of the accepted one (if it is meant, "
        "raise validate.max_source_drift or delete reports/baseline/validate.json)"
    )
    return Suite("figures", [_between("change", rule, lowest=-most, highest=most)], name="figure")


def _between(
    column: str, rule: str, *, lowest: float | None = None, highest: float | None = None, **more: Any
) -> Demand:
    bounds = {"min_value": lowest, "max_value": highest}
    arguments = {name: value for name, value in bounds.items() if value is not None} | more
    return Demand("ExpectColumnValuesToBeBetween", column, rule, arguments)


def _among(column: str, values: list[Any], rule: str, **more: Any) -> Demand:
    return Demand("ExpectColumnValuesToBeInSet", column, rule, {"value_set": values, **more})
