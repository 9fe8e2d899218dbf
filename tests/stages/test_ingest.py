"""The `ingest` stage leaves one sorted artifact per source, the same bytes every time."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artifacts import hash_file, open_artifact
from pipeline.corpus.fetched import Fetched
from pipeline.corpus.pins import Pin, write_pins
from pipeline.corpus.shards import read_shards
from pipeline.errors import DataError
from pipeline.settings.ingest import (
    CommonCrawlParams,
    FilesParams,
    GutenbergCatalogueParams,
    GutenbergParams,
    OpenWebTextParams,
    PydocsParams,
)
from pipeline.stage import Work
from stages.ingest import run
from tests.corpus.serving import ok, serving

ON = FilesParams(True, ("**",), "text", (), "", 0.1)
LOCK = Path("sources.lock")  # pins nothing where there is none
LOCAL_ROWS = OpenWebTextParams(True, None, 10, 0.1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()
    for number in range(20):
        (tmp_path / f"files/{number}.txt").write_text(f"Document number {number}.")
    (tmp_path / "files/picture.png").write_bytes(b"x")
    return tmp_path / "files"


def work(name: str) -> Work:
    Path(name).mkdir()
    return Work(Path(name))


def test_documents_go_into_a_sorted_artifact_and_the_account_balances(folder: Path) -> None:
    metrics = run(folder, LOCK, Path("out"), source="files", params=ON, work=work("w"))
    assert (metrics.documents_in, metrics.documents_kept, metrics.dropped) == (21, 20, {"unknown_format": 1})
    assert metrics.examples == {"unknown_format": ["picture.png"]}
    artifact = open_artifact(Path("out"), kind="documents")
    assert dict(artifact.facts) == {"source": "files", "documents": 20, "bytes": metrics.bytes_kept}
    ids = [document.id for document in read_shards(artifact.path)]
    assert ids == sorted(ids)


def test_the_same_source_gives_the_same_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(folder, LOCK, Path("one"), source="files", params=ON, work=work("w1"))
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    second = run(folder, LOCK, Path("two"), source="files", params=ON, work=work("w2"))
    assert first == second
    for path in Path("one").iterdir():
        assert path.read_bytes() == Path("two", path.name).read_bytes()


def test_many_damaged_files_stop_the_stage_and_a_higher_limit_lets_it_pass(folder: Path) -> None:
    for number in range(3):
        (folder / f"bad-{number}.txt").write_bytes("text".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"3 of 24 documents \(12\.50%\) .*raise ingest\.files"):
        run(folder, LOCK, Path("out"), source="files", params=ON, work=work("w1"))
    assert not Path("out").exists()
    patchy = dataclasses.replace(ON, max_quarantine_share=0.125)
    metrics = run(folder, LOCK, Path("out"), source="files", params=patchy, work=work("w2"))
    assert metrics.dropped == {"undecodable": 3, "unknown_format": 1}


def test_files_that_were_fetched_are_recorded_and_held_against_their_pins(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gristmill")
    table = folder / "rows.parquet"
    pq.write_table(pa.table({"text": ["one", "two"]}), table)
    with serving() as server:
        server.answers["/rows.parquet"] = [ok(table.read_bytes())]
        url = f"{server.url}/rows.parquet"
        params = OpenWebTextParams(True, url, 10, 0.1)
        metrics = run(Path("nowhere"), LOCK, Path("out"), source="openwebtext", params=params, work=work("w"))
        assert metrics.fetched == [Fetched(url, table.stat().st_size, hash_file(table), pinned=False)]
        assert caplog.messages == [
            "openwebtext: 1 of 1 fetched files are not pinned in sources.lock, such as "
            f"{url}; `make lock-sources` pins them"
        ]
        write_pins(LOCK, {url: Pin(table.stat().st_size, hash_file(table))})
        pinned = run(Path("nowhere"), LOCK, Path("out"), source="openwebtext", params=params, work=work("w3"))
    assert pinned == dataclasses.replace(
        metrics, fetched=[dataclasses.replace(metrics.fetched[0], pinned=True)]
    )
    assert (len(caplog.messages), len(server.requests)) == (1, 1)
    local = run(folder, LOCK, Path("local"), source="openwebtext", params=LOCAL_ROWS, work=work("w2"))
    assert (local.documents_kept, local.fetched) == (2, [])


def test_missing_books_are_counted_and_listed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "gristmill")
    mark = "OF THE PROJECT GUTENBERG EBOOK A TALE ***"
    (folder / "books").mkdir()
    (folder / "books/11.txt").write_text(
        f"*** START {mark}\n\n" + "A line of it.\n" * 9 + f"\n*** END {mark}\n"
    )
    all_books = GutenbergCatalogueParams(False, (), (), (), 1)
    params = GutenbergParams(True, None, (11, 12, 13, 14, 15), all_books, 4, 0.1)
    metrics = run(folder / "books", LOCK, Path("out"), source="gutenberg", params=params, work=work("w"))
    assert (metrics.documents_in, metrics.documents_kept, metrics.dropped) == (5, 1, {"missing": 4})
    assert caplog.messages == ["gutenberg: 4 documents are missing: 12, 13, 14, 15"]


def test_a_disabled_source_leaves_an_empty_artifact(folder: Path) -> None:
    off = OpenWebTextParams(False, "http://127.0.0.1:1/unreachable.xz", 10, 0.1)
    metrics = run(Path("nowhere"), LOCK, Path("out"), source="openwebtext", params=off, work=work("w"))
    assert (metrics.enabled, metrics.documents_in, metrics.shards) == (False, 0, 0)
    assert open_artifact(Path("out"), kind="documents").fact("documents") == 0
    assert [path.name for path in Path("out").iterdir()] == ["manifest.json"]


def test_a_disabled_source_loads_no_module_of_its_own(folder: Path) -> None:
    """Each disabled source is a process of the default pipeline, and parsers take time to load."""
    off = CommonCrawlParams(False, None, "", 0.1)
    sys.modules.pop("pipeline.corpus.sources.commoncrawl", None)
    run(Path("nowhere"), LOCK, Path("out"), source="commoncrawl", params=off, work=work("w"))
    assert "pipeline.corpus.sources.commoncrawl" not in sys.modules


def test_small_packages_make_a_corpus(folder: Path) -> None:
    params = PydocsParams(True, False, ("accelerate",), 100, 0.1)
    metrics = run(folder, LOCK, Path("out"), source="pydocs", params=params, work=work("w"))
    assert metrics.documents_kept > 200
    document = next(read_shards(Path("out")))
    assert json.loads(document.metadata)["package"] == "accelerate"
