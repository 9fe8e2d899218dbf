"""mixture: sources are blended as params ask, by leaving out train documents, the same ones each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import pyarrow as pa
import pytest

from pipeline.corpus.mixture import MIXTURE, blends, cutoffs, mixed, shares
from pipeline.corpus.tallies import Census
from pipeline.settings.ingest import IngestParams
from pipeline.settings.mixture import MixtureParams, SourceMixture
from tests.corpus.collections import UNMIXED


def table(*rows: tuple[str, str, str, int, str]) -> pa.Table:
    columns = ("id", "source", "split", "text_bytes", "reason")
    return pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows])


def train(source: str, count: int, *, size: int = 10) -> list[tuple[str, str, str, int, str]]:
    return [(f"{source}-{n}", source, "train", size, "") for n in range(count)]


def mix(documents: pa.Table, params: MixtureParams, *, seed: int) -> pa.Table:
    """The table after mixing, read in tables of three rows each."""

    def read() -> Iterator[pa.Table]:
        return (documents.slice(start, 3) for start in range(0, len(documents), 3))

    return pa.concat_tables(mixed(read(), cutoffs(read, params, seed=seed), seed=seed))


def asked(**sources: tuple[int | None, float | None]) -> MixtureParams:
    return replace(UNMIXED, **{name: SourceMixture(*values) for name, values in sources.items()})


def kept(rows: Sequence[tuple[str, str, str, int, str]], params: MixtureParams, *, seed: int = 1) -> set[str]:
    mixed = mix(table(*rows), params, seed=seed).to_pylist()
    return {row["id"] for row in mixed if row["reason"] == ""}


def test_every_source_can_be_mixed() -> None:
    assert [field.name for field in fields(MixtureParams)] == [field.name for field in fields(IngestParams)]


@pytest.mark.parametrize(
    ("available", "params", "wanted"),
    [
        ({"files": 900, "pydocs": 50}, UNMIXED, {"files": 900, "pydocs": 50}),
        ({"files": 900, "pydocs": 50}, asked(files=(100, None)), {"files": 100, "pydocs": 50}),
        (
            {"files": 900, "pydocs": 50},
            asked(files=(None, 2.0), pydocs=(None, 1.0)),
            {"files": 100, "pydocs": 50},
        ),
        (
            {"files": 900, "pydocs": 50},
            asked(files=(None, 1.0), pydocs=(20, 1.0)),
            {"files": 20, "pydocs": 20},
        ),
        ({"files": 900, "pydocs": 50}, asked(files=(None, 5.0)), {"files": 900, "pydocs": 50}),
        ({"files": 900}, asked(files=(None, 1.0), gutenberg=(None, 3.0)), {"files": 900}),
        (
            {"files": 0, "pydocs": 50},
            asked(files=(None, 1.0), pydocs=(None, 1.0)),
            {"files": 0, "pydocs": 50},
        ),
        ({}, asked(files=(None, 1.0)), {}),
    ],
)
def test_caps_come_first_and_the_scarcest_weighted_source_sets_the_scale(
    available: dict[str, int], params: MixtureParams, wanted: dict[str, int]
) -> None:
    assert shares(available, params) == wanted


def test_duplicates_and_held_out_documents_are_left_as_they_are() -> None:
    rows = [
        *train("files", 20),
        ("files-dup", "files", "train", 10, "near_duplicate"),
        ("files-val", "files", "val", 1000, ""),
        ("files-test", "files", "test", 1000, ""),
    ]
    mixed = {
        row["id"]: row["reason"] for row in mix(table(*rows), asked(files=(55, None)), seed=1).to_pylist()
    }
    assert (mixed["files-dup"], mixed["files-val"], mixed["files-test"]) == ("near_duplicate", "", "")
    assert sorted(mixed.values()) == [""] * 7 + [MIXTURE] * 15 + ["near_duplicate"]


def test_one_more_document_displaces_few_others() -> None:
    params = asked(files=(500, None))
    before, after = kept(train("files", 200), params), kept(train("files", 201), params)
    assert len(before) == len(after) == 50
    assert len(before - after) <= 1
    assert kept(list(reversed(train("files", 200))), params) == before
    assert kept(train("files", 200), params, seed=2) != before


def test_the_account_says_what_each_source_had_and_gives() -> None:
    rows = [*train("files", 10), *train("pydocs", 4), ("pydocs-val", "pydocs", "val", 10, "")]
    census = Census()
    list(census.counting(iter([mix(table(*rows), asked(files=(None, 1.0), pydocs=(None, 1.0)), seed=1)])))
    found = blends(census)
    assert (found["files"].documents_in, found["files"].documents, found["files"].bytes) == (10, 4, 40)
    assert (found["pydocs"].bytes_in, found["pydocs"].bytes) == (40, 40)


def test_a_source_whose_first_document_is_larger_than_its_cap_gives_nothing() -> None:
    assert kept(train("files", 3, size=100), asked(files=(99, None))) == set()
