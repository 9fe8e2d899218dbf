"""verdicts: tables sorted by id become one stream that is, however their ids interleave."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.corpus.verdicts import merged
from pipeline.errors import IntegrityError


def table(*ids: str) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.string())})


def order(*streams: list[pa.Table]) -> list[str]:
    return [name for part in merged([iter(stream) for stream in streams]) for name in part["id"].to_pylist()]


def test_streams_that_interleave_come_out_in_order() -> None:
    assert order(
        [table("a", "d"), table(), table("e", "k")], [table("b", "c", "f"), table("g")], [table("z")], []
    ) == [*"abcdefgkz"]


def test_streams_one_behind_the_other_keep_their_tables() -> None:
    tables = list(merged([iter([table("a", "b"), table("c")]), iter([table("x", "y")])]))
    assert [part["id"].to_pylist() for part in tables] == [["a", "b"], ["c"], ["x", "y"]]


def test_one_id_in_two_streams_comes_twice() -> None:
    assert order([table("a", "b")], [table("b", "c")]) == ["a", "b", "b", "c"]


@pytest.mark.parametrize("stream", [[table("b", "a")], [table("b"), table("a")]])
def test_a_stream_that_is_not_sorted_is_refused(stream: list[pa.Table]) -> None:
    with pytest.raises(IntegrityError, match="not sorted by id; rebuild"):
        order(stream)
