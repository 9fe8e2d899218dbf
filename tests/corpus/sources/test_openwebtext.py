"""OpenWebText gives the same documents in every form it comes in."""

from __future__ import annotations

import csv
import io
import lzma
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.sources import openwebtext
from pipeline.errors import DataError, IntegrityError, ParamsError, SourceError
from pipeline.records import Document
from pipeline.settings.ingest import OpenWebTextParams
from tests.corpora import corpora
from tests.corpus.serving import ok, serving


def tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return out.getvalue()


def subset(number: int) -> bytes:
    return lzma.compress(tar({f"000{n}-x.txt": f"text {number}.{n}".encode() for n in range(3)}))


SUBSETS = {f"urlsf_subset00-{number}_data.xz": subset(number) for number in (1, 2)}


def items(folder: Path, *, url: str | None = None, max_documents: int = 1000) -> list[Document | Rejected]:
    params = OpenWebTextParams(True, url, max_documents, 0.01)
    parts = openwebtext.parts(folder, params, downloads=folder / "downloads")
    return [item for part in parts.values() for item in openwebtext.read(part)]


def ids(found: list[Document | Rejected]) -> set[str]:
    return {item.id for item in found if isinstance(item, Document)}


def test_documents_are_the_same_in_every_form_of_archive(tmp_path: Path) -> None:
    whole = tar({f"openwebtext/{name}": data for name, data in SUBSETS.items()})
    forms = {
        "whole": {"openwebtext.tar.xz": lzma.compress(whole)},
        "single": SUBSETS,
        "plain": {"urlsf_subset00.tar": whole},
    }
    found = {}
    for form, files in forms.items():
        (tmp_path / form).mkdir()
        for name, data in files.items():
            (tmp_path / form / name).write_bytes(data)
        found[form] = items(tmp_path / form)
    assert len(ids(found["whole"])) == 6
    assert ids(found["whole"]) == ids(found["single"]) == ids(found["plain"])


def test_a_subset_that_comes_twice_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar(dict(SUBSETS)))
    (tmp_path / "urlsf_subset00-1_data.xz").write_bytes(subset(1))
    found = items(tmp_path)
    assert len(ids(found)) == 6
    assert [item.reason for item in found if isinstance(item, Rejected)] == ["repeated_subset"] * 3


def test_parquet_rows_are_documents(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one", None, "two"]}), tmp_path / "train-00000-of-00001.parquet")
    found = items(tmp_path)
    assert [getattr(item, "text", "-") for item in found] == ["one", "-", "two"]
    assert found[2].origin == "train-00000-of-00001.parquet:3"


def test_parquet_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"text": [f"text of {name}"]}), tmp_path / name / "train-0.parquet")
    found = items(tmp_path)
    assert len(ids(found)) == 2
    assert [item.origin for item in found] == ["a/train-0.parquet:1", "b/train-0.parquet:1"]


def test_files_of_another_form_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.xz").write_bytes(subset(1))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.zip").write_bytes(b"x")
    found = items(tmp_path)
    assert [item for item in found if isinstance(item, Rejected)] == [Rejected("sub/a.zip", "unknown_format")]
    assert len(ids(found)) == 3


def test_reading_stops_at_the_largest_number_of_documents(tmp_path: Path) -> None:
    (tmp_path / "a.xz").write_bytes(subset(1))
    (tmp_path / "b.xz").write_bytes(b"never read")
    assert len(items(tmp_path, max_documents=3)) == 3
    assert len(items(tmp_path, max_documents=2)) == 2


def test_a_cut_archive_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.xz").write_bytes(subset(1)[:-8])
    with pytest.raises(IntegrityError, match=r"a\.xz: cut before its end"):
        items(tmp_path)


def test_an_archive_is_fetched_from_a_url_once(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/x/a.xz"] = [ok(subset(1))]
        assert ids(items(tmp_path, url=f"{server.url}/x/a.xz")) == ids(
            items(tmp_path, url=f"{server.url}/x/a.xz")
        )
        assert len(server.requests) == 1
        with pytest.raises(SourceError, match="status 404"):
            items(tmp_path, url=f"{server.url}/none.xz")
    for url in ("http://x/page", "http://[::1/x.xz"):
        with pytest.raises(ParamsError, match=r"ingest\.openwebtext\.url: is 'http://.*'; must name"):
            items(tmp_path, url=url)


def test_an_empty_folder_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.xz, \.tar, \.parquet file; put one there"):
        items(tmp_path)


def test_the_real_layout_is_read_whole() -> None:
    folder = corpora("web/openwebtext_layout")
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        manifest = {f"{row['shard']}/{row['member']}": int(row["bytes"]) for row in csv.DictReader(file)}
    part = openwebtext.Part(folder, (folder / "openwebtext.tar.xz",), 10_000)
    found = {
        item.origin: len(item.text.encode()) for item in openwebtext.read(part) if isinstance(item, Document)
    }
    assert found == manifest
