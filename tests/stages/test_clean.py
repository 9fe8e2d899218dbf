"""The `clean` stage repairs and drops, accounts for every document, and is the same bytes every time."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from pipeline.artifacts import open_artifact, publishing
from pipeline.corpus.ingestion import document
from pipeline.corpus.shards import read_shards, shard_paths, write_shards
from pipeline.errors import IntegrityError
from pipeline.settings.clean import CleanParams, UnwrapLinesParams
from pipeline.settings.people import AuditParams
from pipeline.stage import Work
from stages.clean import Example, run
from tests.corpus.web_rules import (
    AUDIT,
    BLOCKLIST,
    C4,
    FINEWEB,
    LANGUAGE,
    PERSONAL_DATA,
    QUALITY,
    REPETITION,
)

UNWRAP = UnwrapLinesParams(sources=("gutenberg",))
PARAMS = CleanParams(
    *(20, 10_000, 15.0, 0.5, 0.5, 2.0),
    *(REPETITION, QUALITY, C4, FINEWEB, LANGUAGE, BLOCKLIST, PERSONAL_DATA, AUDIT, UNWRAP),
)
TEXTS = {
    "good": "A sentence that is long enough to be kept.",
    "dirty": "\ufeffA sentence with\0 faults,\r\nlong enough to be kept.  \r\n",
    "brief": "Short.",
    "blank": " \n ",
    "filler": "ab" * 100,
}


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


def ingested(folder: Path, texts: dict[str, str], *, per_shard: int = 2) -> Path:
    rows = sorted((document("files", name, text) for name, text in texts.items()), key=lambda row: row.id)
    with publishing(folder, kind="documents", facts={"documents": len(rows)}) as out:
        write_shards(rows, out, max_documents=per_shard)
    return folder


def work(path: Path) -> Work:
    path.mkdir()
    return Work(path)


def test_documents_are_repaired_or_dropped_and_all_accounted_for(tmp_path: Path) -> None:
    source = ingested(tmp_path / "in", TEXTS)
    metrics = run(source, tmp_path / "out", source="files", params=PARAMS, work=work(tmp_path / "w"))
    assert (metrics.documents_in, metrics.documents_kept) == (5, 2)
    assert metrics.dropped == {"empty": 1, "low_entropy": 1, "too_short": 1}
    assert metrics.repaired["control_characters"] == 1
    assert metrics.bytes_in == sum(len(text.encode()) for text in TEXTS.values())
    kept = {item.origin: item.text for item in read_shards(tmp_path / "out")}
    assert kept == {"good": TEXTS["good"], "dirty": "A sentence with faults,\nlong enough to be kept."}
    assert metrics.bytes_kept == sum(len(text.encode()) for text in kept.values())
    facts = open_artifact(tmp_path / "out", kind="documents").facts
    assert dict(facts) == {"source": "files", "documents": 2, "bytes": metrics.bytes_kept}
    json.dumps(metrics.repaired)


def test_lines_are_joined_for_the_sources_that_params_name(tmp_path: Path) -> None:
    wrapped = "This line is wide enough to have been broken at a margin of seventy\nand this goes on from it."
    source = ingested(tmp_path / "in", {"letter": wrapped})
    for name, text in (("gutenberg", wrapped.replace("\n", " ")), ("files", wrapped)):
        metrics = run(source, tmp_path / name, source=name, params=PARAMS, work=work(tmp_path / f"w-{name}"))
        assert [item.text for item in read_shards(tmp_path / name)] == [text]
        assert metrics.repaired == ({"wrapped_lines": 1} if text != wrapped else {})


def test_shards_of_which_nothing_is_left_are_not_written(tmp_path: Path) -> None:
    texts = {str(number): "Short." if number % 3 else TEXTS["good"] for number in range(12)}
    source = ingested(tmp_path / "in", texts, per_shard=1)
    metrics = run(source, tmp_path / "out", source="files", params=PARAMS, work=work(tmp_path / "w"))
    assert metrics.documents_kept == 4
    assert [path.name for path in shard_paths(tmp_path / "out")] == [
        f"shard-0000{n}.parquet" for n in range(4)
    ]
    ids = [item.id for item in read_shards(tmp_path / "out")]
    assert ids == sorted(ids)


def test_the_first_documents_dropped_for_each_reason_are_shown(tmp_path: Path) -> None:
    texts = {f"brief {number}": f"Short {number}." for number in range(9)} | {"filler": "ab" * 200}
    source = ingested(tmp_path / "in", texts, per_shard=3)
    metrics = run(source, tmp_path / "out", source="files", params=PARAMS, work=work(tmp_path / "w"))
    brief = sorted(document("files", name, text).id for name, text in texts.items() if "brief" in name)
    assert [example.id for example in metrics.examples["too_short"]] == brief[:3]
    (filler,) = metrics.examples["low_entropy"]
    assert filler == Example(filler.id, "filler", "ab" * 100)


def test_personal_data_is_masked_and_languages_are_counted_where_asked_for(tmp_path: Path) -> None:
    params = dataclasses.replace(
        PARAMS,
        personal_data=dataclasses.replace(PERSONAL_DATA, sources=("files",)),
        language=dataclasses.replace(LANGUAGE, sources=("files",)),
    )
    texts = {
        "letter": "You may write to the miller at joe@mill.example.org at any time.",
        "brief": "Hello.",
        "german": "Die Mühle steht dort, wo der Fluss eine Biegung macht, und das seit dreihundert Jahren.",
    }
    source = ingested(tmp_path / "in", texts)
    metrics = run(source, tmp_path / "out", source="files", params=params, work=work(tmp_path / "w"))
    (kept,) = read_shards(tmp_path / "out")
    assert kept.text == "You may write to the miller at <EMAIL> at any time."
    assert metrics.repaired == {"mask_emails": 1}
    assert json.loads(kept.metadata) == {"identified_language": "en"}
    assert metrics.languages == {"de": 1, "en": 1}
    assert metrics.dropped == {"other_language": 1, "too_short": 1}


def test_metadata_stay_as_they_are_where_no_language_is_asked_for(tmp_path: Path) -> None:
    source = ingested(tmp_path / "in", {"letter": "You may write to the miller at any time."})
    run(source, tmp_path / "out", source="files", params=PARAMS, work=work(tmp_path / "w"))
    (kept,) = read_shards(tmp_path / "out")
    assert kept.metadata == "{}"


def test_the_audit_is_of_the_text_that_was_kept(tmp_path: Path) -> None:
    params = dataclasses.replace(PARAMS, audit=AuditParams(10_000, ("millers: miller, millers",)))
    texts = {"kept": "The old miller knew every miller of the valley.", "dropped": "A miller."}
    source = ingested(tmp_path / "in", texts)
    metrics = run(source, tmp_path / "out", source="files", params=params, work=work(tmp_path / "w"))
    assert (metrics.audit.documents, metrics.audit.words) == (1, 9)
    assert (metrics.audit.groups["millers"].occurrences, metrics.audit.groups["millers"].documents) == (2, 1)


def test_an_empty_source_stays_empty(tmp_path: Path) -> None:
    metrics = run(
        ingested(tmp_path / "in", {}),
        tmp_path / "out",
        source="files",
        params=PARAMS,
        work=work(tmp_path / "w"),
    )
    assert (metrics.documents_in, metrics.documents_kept, metrics.dropped) == (0, 0, {})


def test_the_same_documents_give_the_same_bytes_and_a_second_call_ends_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ingested(tmp_path / "in", TEXTS)
    monkeypatch.setenv("GRISTMILL_PROCESSES", "2")
    first = run(source, tmp_path / "one", source="files", params=PARAMS, work=work(tmp_path / "w"))
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")
    again = run(source, tmp_path / "two", source="files", params=PARAMS, work=Work(tmp_path / "w"))
    other = run(source, tmp_path / "three", source="files", params=PARAMS, work=work(tmp_path / "w2"))
    assert first == again == other
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        assert path.read_bytes() == (tmp_path / "three" / path.name).read_bytes()


def test_a_damaged_input_is_refused(tmp_path: Path) -> None:
    source = ingested(tmp_path / "in", TEXTS)
    shard = shard_paths(source)[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match=r"shard-00000\.parquet"):
        run(source, tmp_path / "out", source="files", params=PARAMS, work=work(tmp_path / "w"))
