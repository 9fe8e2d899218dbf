"""Documents and their Arrow form."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from pipeline.records import (
    DOCUMENT_SCHEMA,
    Document,
    document_id,
    from_table,
    shard_name,
    to_table,
    with_fact,
)


def test_documents_survive_the_way_through_a_table() -> None:
    texts = ["", "plain", "a\0b", "\u200dé́ 👩‍🌾", "line\r\nline", "<s>▁</s>", "x" * 100_000]
    documents = [Document(str(n), "files", f"{n}.txt", "", "", "{}", text) for n, text in enumerate(texts)]
    table = to_table(documents)
    assert table.schema == DOCUMENT_SCHEMA
    assert list(from_table(table)) == documents
    assert list(from_table(pa.concat_tables([table.slice(0, 2), table.slice(2)]))) == documents
    assert list(from_table(to_table([]))) == []


def test_a_fact_joins_the_metadata_in_the_order_of_names() -> None:
    assert (
        with_fact('{"author":"Å","year":1851}', "language", "en")
        == '{"author":"Å","language":"en","year":1851}'
    )
    assert with_fact('{"language":"de"}', "language", "en") == '{"language":"en"}'
    assert with_fact("", "language", "en") == '{"language":"en"}'


def test_the_columns_are_the_fields() -> None:
    assert DOCUMENT_SCHEMA.names == [field.name for field in dataclasses.fields(Document)]
    assert not any(field.nullable for field in DOCUMENT_SCHEMA)


def test_many_rows_come_in_order() -> None:
    documents = [Document(f"{n:05d}", "files", "", "", "", "{}", "x") for n in range(3000)]
    assert [document.id for document in from_table(to_table(documents))] == [
        document.id for document in documents
    ]


def test_an_id_follows_from_where_a_document_comes_from_alone() -> None:
    assert document_id("pydocs", "numpy:mean") == "pydocs-3aa96c4d36ed08f8"
    assert document_id("pydocs", "numpy:mean") != document_id("files", "numpy:mean")
    assert document_id("a", "b\0c") != document_id("a\0b", "c")
    assert document_id("files", "\udcff.txt").startswith("files-")


def test_shards_sort_by_name_as_by_number() -> None:
    assert shard_name(7) == "shard-00007.parquet"
    assert sorted(map(shard_name, [10, 9, 100])) == [shard_name(9), shard_name(10), shard_name(100)]


def test_a_lone_surrogate_does_not_reach_arrow() -> None:
    with pytest.raises(UnicodeEncodeError):
        to_table([Document("a", "files", "", "", "", "{}", "\ud800")])
