"""Whatever order documents are read in, the shards are the same bytes, sorted, and the account balances."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.corpus import ingestion
from pipeline.corpus.ingestion import Gathered, Rejected, document, gather, write_gathered
from pipeline.corpus.shards import merge_shards, read_shard, read_shards, shard_paths, write_shards
from pipeline.errors import DataError, IntegrityError
from pipeline.records import Document


class Counting:
    """A source whose parts are ranges of numbers; every multiple of ten is rejected."""

    def __init__(self) -> None:
        self.parts_read = 0

    def parts(self, folder: Path, params: Any, *, downloads: Path) -> Mapping[str, range]:
        return {"all": range(100)}

    def read(self, part: range) -> Iterator[Document | Rejected]:
        self.parts_read += 1
        for number in part:
            rejected = number % 10 == 0
            yield (
                Rejected(str(number), "round")
                if rejected
                else document("files", str(number), f"text {number}\n" * 50)
            )


def shards_of(parts: Mapping[str, range], folder: Path) -> list[bytes]:
    gathered = gather(Counting(), parts, work=folder / "work")
    write_gathered(gathered, folder / "out")
    return [path.read_bytes() for path in shard_paths(folder / "out")]


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


def test_documents_are_sorted_by_id_over_all_shards_however_they_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shards_of({"all": range(100)}, tmp_path / "whole")
    monkeypatch.setattr(ingestion, "RUN_BYTES", 3000)
    monkeypatch.setattr(ingestion, "RUN_SHARD_BYTES", 1000)
    pieces = {f"part-{start}": range(start, start + 20) for start in (40, 0, 80, 20, 60)}
    assert shards_of(pieces, tmp_path / "pieces") == whole
    ids = [item.id for item in read_shards(tmp_path / "pieces/out")]
    assert ids == sorted(ids)
    assert len(ids) == 90


def test_every_document_is_kept_or_dropped_for_a_reason_with_examples(tmp_path: Path) -> None:
    gathered = gather(Counting(), {"a": range(50), "b": range(50, 100)}, work=tmp_path)
    assert (gathered.documents_in, gathered.documents_kept, gathered.dropped) == (100, 90, {"round": 10})
    assert gathered.examples == {"round": ["0", "10", "20"]}
    assert gathered.bytes_kept == sum(len(f"text {n}\n") * 50 for n in range(100) if n % 10)


def test_parts_that_were_read_are_not_read_again(tmp_path: Path) -> None:
    first, again = Counting(), Counting()
    parts = {"a": range(10), "b": range(10, 20)}
    before = gather(first, parts, work=tmp_path)
    assert gather(again, {**parts, "c": range(20, 30)}, work=tmp_path).documents_in == 30
    assert (first.parts_read, again.parts_read, before.documents_in) == (2, 1, 20)


def test_a_lost_document_is_noticed(tmp_path: Path) -> None:
    gathered = gather(Counting(), {"a": range(10)}, work=tmp_path / "work")
    wrong: Gathered = dataclasses.replace(gathered, documents_in=11)
    with pytest.raises(IntegrityError, match="does not balance"):
        write_gathered(wrong, tmp_path / "out")


def test_two_documents_with_one_origin_are_refused(tmp_path: Path) -> None:
    write_shards([document("files", "a.txt", "one")], tmp_path / "one")
    write_shards([document("files", "a.txt", "two")], tmp_path / "two")
    with pytest.raises(DataError, match=r"'a\.txt' and 'a\.txt' have one id"):
        list(merge_shards([tmp_path / "one", tmp_path / "two"]))


def test_shards_are_bounded_in_documents_and_in_bytes(tmp_path: Path) -> None:
    rows = sorted((document("files", str(n), "x" * 10) for n in range(10)), key=lambda row: row.id)
    write_shards(rows, tmp_path / "count", max_documents=4)
    write_shards(rows, tmp_path / "bytes", max_bytes=25)
    assert write_shards([], tmp_path / "none") == 0
    assert list(read_shards(tmp_path / "count")) == list(read_shards(tmp_path / "bytes")) == rows
    assert max(len(read_shard(path)) for path in shard_paths(tmp_path / "count")) <= 4
    assert max(len(read_shard(path)) for path in shard_paths(tmp_path / "bytes")) <= 3


def test_one_more_document_changes_one_shard_and_leaves_the_others(tmp_path: Path) -> None:
    rows = sorted((document("files", str(n), f"text {n}") for n in range(500)), key=lambda row: row.id)
    for number in (0, 7, 499):
        before, after = tmp_path / f"before-{number}", tmp_path / f"after-{number}"
        write_shards(rows[:number] + rows[number + 1 :], before, max_documents=40)
        write_shards(rows, after, max_documents=40)
        old, new = ({path.read_bytes() for path in shard_paths(each)} for each in (before, after))
        assert len(old) > 10
        assert len(new - old) <= 2


def test_every_field_of_a_document_is_fit_for_utf8(tmp_path: Path) -> None:
    row = document("files", "a\ud800", "text \udfff", title=" two\nlines ", metadata={"k": "\ud800", "a": 1})
    assert (row.origin, row.text, row.title, row.metadata) == (
        "a\ufffd",
        "text \ufffd",
        "two lines",
        '{"a":1,"k":"\ufffd"}',
    )
    write_shards([row], tmp_path)
    assert list(read_shards(tmp_path)) == [row]
