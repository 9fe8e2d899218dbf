"""dedupe: the account balances, near duplicates never straddle splits, equal inputs are equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.artifacts import hash_tree, open_artifact
from pipeline.corpus import collisions
from pipeline.corpus.shards import read_shards
from pipeline.errors import DataError, IntegrityError
from pipeline.records import SPLITS, Document
from pipeline.settings.dedupe import DedupeParams, RepeatedParagraphsParams
from pipeline.settings.mixture import SourceMixture
from pipeline.stage import Work
from stages import validate
from stages.dedupe import DedupeMetrics, run
from tests.corpus.collections import DEDUPE, UNMIXED, VALIDATE, edited, named, prose, publish

PARAMS = DEDUPE


@pytest.fixture
def cleaned(tmp_path: Path) -> Path:
    """Sixty texts, exact duplicates of each tenth, two near duplicates of each fifth; an empty source."""
    texts = [named(f"{n:02d}", prose(n)) for n in range(60)]
    exact = [named(f"exact{n:02d}", prose(n).upper(), source="pydocs") for n in range(0, 60, 10)]
    near = [
        named(f"near{n:02d}-{k}", edited(prose(n), k), source="pydocs")
        for n in range(0, 60, 5)
        for k in (9, 50)
    ]
    publish(tmp_path / "clean" / "files", texts, shard_documents=13)
    publish(tmp_path / "clean" / "pydocs", exact + near, shard_documents=7)
    publish(tmp_path / "clean" / "gutenberg", [])
    return tmp_path / "clean"


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


def deduplicated(
    cleaned: Path, folder: Path, params: DedupeParams = PARAMS, *, evaluations: Path | None = None
) -> DedupeMetrics:
    (folder / "work").mkdir(parents=True)
    return run(cleaned, evaluations or folder, folder / "out", params=params, work=Work(folder / "work"))


def documents(out: Path) -> dict[str, list[Document]]:
    return {split: list(read_shards(out / split)) for split in SPLITS}


def test_every_document_is_kept_or_dropped_for_a_reason(cleaned: Path, tmp_path: Path) -> None:
    metrics = deduplicated(cleaned, tmp_path / "run")
    assert (metrics.documents_in, metrics.documents_kept) == (90, 60)
    assert metrics.dropped == {"contaminated": 0, "exact_duplicate": 6, "near_duplicate": 24}
    assert (metrics.clusters, metrics.largest_cluster) == (12, 4)
    assert sum(source.documents_in for source in metrics.by_source.values()) == 90
    assert sum(split.documents for split in metrics.splits.values()) == 60
    for split, held in documents(tmp_path / "run" / "out").items():
        assert len(held) == metrics.splits[split].documents > 0
        assert sum(len(document.text) for document in held) == metrics.splits[split].bytes
        assert sum(tally.documents for tally in metrics.splits[split].by_source.values()) == len(held)


def test_kept_documents_are_untouched_and_sorted(cleaned: Path, tmp_path: Path) -> None:
    deduplicated(cleaned, tmp_path / "run")
    given = {document.id: document for folder in cleaned.iterdir() for document in read_shards(folder)}
    for held in documents(tmp_path / "run" / "out").values():
        assert held == [given[document.id] for document in sorted(held, key=lambda document: document.id)]


def test_a_cluster_lies_in_one_split_with_every_member_told(cleaned: Path, tmp_path: Path) -> None:
    deduplicated(cleaned, tmp_path / "run")
    out = tmp_path / "run" / "out"
    rows = pq.read_table(
        open_artifact(out / "clusters", kind="clusters").file("clusters.parquet")
    ).to_pylist()
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert len(rows) == 90
    where = {document.id: split for split, held in documents(out).items() for document in held}
    split_of_cluster = {row["cluster"]: row["split"] for row in rows}
    for row in rows:
        assert row["split"] == split_of_cluster[row["cluster"]] == where[row["duplicate_of"]]
        assert row["kept"] == (row["id"] in where) == (row["reason"] == "")


def test_the_same_documents_in_other_shards_give_the_same_bytes(cleaned: Path, tmp_path: Path) -> None:
    first = deduplicated(cleaned, tmp_path / "one")
    everything = [document for folder in cleaned.iterdir() for document in read_shards(folder)]
    publish(tmp_path / "other" / "all", everything, shard_documents=50)
    assert deduplicated(tmp_path / "other", tmp_path / "two") == first
    assert hash_tree(tmp_path / "one" / "out") == hash_tree(tmp_path / "two" / "out")


def test_two_processes_give_the_same_bytes_as_one(
    cleaned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deduplicated(cleaned, tmp_path / "one")
    monkeypatch.setenv("GRISTMILL_PROCESSES", "2")
    assert deduplicated(cleaned, tmp_path / "two") == first
    assert hash_tree(tmp_path / "one" / "out") == hash_tree(tmp_path / "two" / "out")


def test_an_interrupted_run_goes_on_with_the_shards_that_are_left(cleaned: Path, tmp_path: Path) -> None:
    first = deduplicated(cleaned, tmp_path / "one")
    for results in ("signed", "written"):
        next((tmp_path / "one" / "work" / "cache" / results).glob("*.done.json")).unlink()
    (tmp_path / "one" / ".out.writing" / "train").mkdir(parents=True)
    written = hash_tree(tmp_path / "one" / "out")
    assert (
        run(cleaned, tmp_path, tmp_path / "one" / "out", params=PARAMS, work=Work(tmp_path / "one" / "work"))
        == first
    )
    assert hash_tree(tmp_path / "one" / "out") == written


def test_another_seed_moves_documents_but_keeps_the_same_ones(cleaned: Path, tmp_path: Path) -> None:
    deduplicated(cleaned, tmp_path / "one")
    deduplicated(cleaned, tmp_path / "two", replace(PARAMS, seed=2))
    one, two = documents(tmp_path / "one" / "out"), documents(tmp_path / "two" / "out")
    assert one["val"] != two["val"]
    assert {d.id for held in one.values() for d in held} == {d.id for held in two.values() for d in held}


def test_a_cap_thins_train_alone_and_what_it_left_out_is_counted(cleaned: Path, tmp_path: Path) -> None:
    whole = deduplicated(cleaned, tmp_path / "one")
    capped = replace(UNMIXED, files=SourceMixture(max_bytes=9000, weight=None))
    metrics = deduplicated(cleaned, tmp_path / "two", replace(PARAMS, mixture=capped))
    left_out = metrics.dropped["mixture"]
    assert left_out == whole.documents_kept - metrics.documents_kept > 0
    assert metrics.by_source["files"].dropped["mixture"] == left_out
    assert metrics.splits["train"].by_source["files"].bytes == metrics.mixture["files"].bytes <= 9000
    assert metrics.mixture["files"].bytes_in == whole.splits["train"].by_source["files"].bytes
    one, two = documents(tmp_path / "one" / "out"), documents(tmp_path / "two" / "out")
    assert (one["val"], one["test"]) == (two["val"], two["test"])
    assert {document.id for document in two["train"]} < {document.id for document in one["train"]}
    rows = pq.read_table(tmp_path / "two" / "out" / "clusters" / "clusters.parquet").to_pylist()
    assert sum(row["reason"] == "mixture" and not row["kept"] for row in rows) == left_out


def test_a_higher_threshold_keeps_more(cleaned: Path, tmp_path: Path) -> None:
    metrics = deduplicated(cleaned, tmp_path / "run", replace(PARAMS, jaccard_threshold=1.0))
    assert metrics.dropped == {"contaminated": 0, "exact_duplicate": 6, "near_duplicate": 0}


def test_no_documents_at_all_are_refused(tmp_path: Path) -> None:
    publish(tmp_path / "clean" / "files", [])
    with pytest.raises(DataError, match="clean: cleaning left no document"):
        deduplicated(tmp_path / "clean", tmp_path / "run")
    assert not (tmp_path / "run" / "out").exists()


def test_a_damaged_shard_is_refused(cleaned: Path, tmp_path: Path) -> None:
    shard = cleaned / "files" / "shard-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"shard-00001\.parquet"):
        deduplicated(cleaned, tmp_path / "run")


def test_the_metrics_are_plain_values(cleaned: Path, tmp_path: Path) -> None:
    assert (
        asdict(deduplicated(cleaned, tmp_path / "run"))["splits"]["train"]["by_source"]["files"]["documents"]
        > 0
    )


def test_what_has_text_of_an_evaluation_set_is_dropped_before_duplicates_are_looked_for(
    cleaned: Path, tmp_path: Path
) -> None:
    sets = tmp_path / "evaluations"
    (sets / "quiz").mkdir(parents=True)
    (sets / "quiz" / "items.txt").write_text(f"{prose(3)}\nshort\n{prose(500)}\n", encoding="utf-8")
    params = replace(PARAMS, decontaminate=("quiz",))
    metrics = deduplicated(cleaned, tmp_path / "run", params, evaluations=sets)
    assert metrics.dropped == {"contaminated": 1, "exact_duplicate": 6, "near_duplicate": 24}
    assert (metrics.documents_in, metrics.documents_kept) == (90, 59)
    tally = metrics.contamination["quiz"]
    assert (tally.items, tally.items_too_short, tally.items_hit, tally.documents_hit) == (3, 1, 1, 1)
    rows = pq.read_table(tmp_path / "run/out/clusters/clusters.parquet").to_pylist()
    (row,) = (row for row in rows if row["reason"] == "contaminated")
    assert (row["id"], row["cluster"], row["kept"], row["duplicate_of"]) == (
        "files-03",
        "files-03",
        False,
        "",
    )


def test_a_corpus_that_is_nothing_but_an_evaluation_set_is_refused(tmp_path: Path) -> None:
    publish(tmp_path / "clean" / "files", [named("a", prose(1))])
    (tmp_path / "quiz.txt").write_text(prose(1), encoding="utf-8")
    with pytest.raises(DataError, match="decontaminate: every document has text of these sets"):
        deduplicated(
            tmp_path / "clean",
            tmp_path / "run",
            replace(PARAMS, decontaminate=("quiz.txt",)),
            evaluations=tmp_path,
        )


def test_one_document_is_a_corpus(tmp_path: Path) -> None:
    publish(tmp_path / "clean" / "files", [named("a", prose(1))])
    metrics = deduplicated(tmp_path / "clean", tmp_path / "run")
    assert (metrics.documents_kept, metrics.clusters, metrics.largest_cluster) == (1, 0, 1)
    assert sum(len(held) for held in documents(tmp_path / "run" / "out").values()) == 1


TEMPLATE = prose(1000)
CUTTING = replace(PARAMS, repeated_paragraphs=RepeatedParagraphsParams(sources=("files",), min_chars=200))


def pages() -> list[Document]:
    """Forty texts of `files` below one template, the last of them next to nothing; twenty of `pydocs` too."""
    texts = [named(f"{n:02d}", f"{TEMPLATE}\n\n{prose(n)}\n\n\nPage {n}.") for n in range(39)]
    short = named("39", f"{TEMPLATE.upper()}\n\n{prose(39, words=10)}")
    others = [named(f"{n:02d}", f"{TEMPLATE}\n\n{prose(n)}", source="pydocs") for n in range(50, 70)]
    return [*texts, short, *others]


def cut(
    folder: Path, documents: Sequence[Document], params: DedupeParams = CUTTING, *, shard_documents: int = 9
) -> DedupeMetrics:
    """What the stage says of documents in an artifact for each of their sources."""
    for source in {document.source for document in documents}:
        own = [document for document in documents if document.source == source]
        publish(folder / "clean" / source, own, shard_documents=shard_documents)
    return deduplicated(folder / "clean", folder, params)


def texts_of(out: Path) -> dict[str, str]:
    return {document.id: document.text for held in documents(out).values() for document in held}


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in pq.read_table(out / "clusters" / "clusters.parquet").to_pylist()}


def test_a_repeated_paragraph_stays_in_the_document_of_the_lowest_id(tmp_path: Path) -> None:
    metrics = cut(tmp_path, pages())
    found = texts_of(tmp_path / "out")
    given = {document.id: document.text for document in pages()}
    assert found["files-00"] == given["files-00"]
    assert all(found[f"files-{n:02d}"] == f"{prose(n)}\n\n\nPage {n}." for n in range(1, 39))
    assert all(found[name] == text for name, text in given.items() if name.startswith("pydocs"))
    losses = metrics.repeated_paragraphs.by_source["files"]
    assert (losses.documents, losses.paragraphs, losses.bytes) == (38, 38, 38 * len(f"{TEMPLATE}\n\n"))
    (example,) = metrics.repeated_paragraphs.examples
    assert (example.documents, example.kept_in, example.text) == (40, "files-00", TEMPLATE[:160])


def test_a_document_of_which_too_little_is_left_is_dropped_and_the_account_balances(tmp_path: Path) -> None:
    metrics = cut(tmp_path, pages())
    assert (metrics.documents_in, metrics.documents_kept) == (60, 59)
    assert metrics.dropped["repeated_paragraphs"] == 1
    assert metrics.repeated_paragraphs.by_source["files"].too_little_left == 1
    row = rows_of(tmp_path / "out")["files-39"]
    assert (row["kept"], row["reason"], row["duplicate_of"]) == (False, "repeated_paragraphs", "")
    tally = metrics.by_source["files"]
    given = [document.text for document in pages() if document.source == "files"]
    held = [text for name, text in texts_of(tmp_path / "out").items() if name.startswith("files")]
    assert (tally.documents_in, tally.documents_kept, tally.dropped["repeated_paragraphs"]) == (40, 39, 1)
    assert tally.bytes_in == sum(map(len, given))
    assert tally.bytes_kept == sum(map(len, held))
    assert sum(split.bytes for split in metrics.splits.values()) == sum(
        map(len, texts_of(tmp_path / "out").values())
    )


def test_a_cut_document_stays_in_its_cluster_and_split(tmp_path: Path) -> None:
    cut(tmp_path / "on", pages())
    cut(tmp_path / "off", pages(), PARAMS)
    on, off = rows_of(tmp_path / "on" / "out"), rows_of(tmp_path / "off" / "out")
    assert {name: (row["cluster"], row["split"]) for name, row in on.items()} == {
        name: (row["cluster"], row["split"]) for name, row in off.items()
    }
    assert {name for name in on if on[name] != off[name]} == {"files-39"}


def test_cutting_does_not_depend_on_order_shards_and_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cut(tmp_path / "one", pages())
    publish(tmp_path / "two" / "clean" / "zz", pages()[::2], shard_documents=5)
    publish(tmp_path / "two" / "clean" / "aa", pages()[1::2], shard_documents=50)
    assert deduplicated(tmp_path / "two" / "clean", tmp_path / "two", CUTTING) == first
    monkeypatch.setenv("GRISTMILL_PROCESSES", "2")
    assert cut(tmp_path / "three", pages()[::-1], shard_documents=4) == first
    assert len({hash_tree(tmp_path / name / "out") for name in ("one", "two", "three")}) == 1


def test_paragraphs_that_are_looked_through_in_many_ranges_are_cut_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cut(tmp_path / "one", pages())
    monkeypatch.setattr(collisions, "KEYS_AT_ONCE", 97)
    assert cut(tmp_path / "two", pages()) == first
    assert hash_tree(tmp_path / "one" / "out") == hash_tree(tmp_path / "two" / "out")


def test_nothing_is_looked_at_where_no_source_is_named(tmp_path: Path) -> None:
    metrics = cut(tmp_path, pages(), PARAMS)
    assert (metrics.repeated_paragraphs.by_source, metrics.repeated_paragraphs.examples) == ({}, [])
    assert texts_of(tmp_path / "out") == {document.id: document.text for document in pages()}
    assert {path.name for path in (tmp_path / "work" / "cache").iterdir()} == {
        "signed",
        "collided",
        "written",
    }


def test_sources_without_a_repeated_paragraph_stay_as_they_are(tmp_path: Path) -> None:
    given = [named(f"{n}", f"{prose(n)}\n\nshort\n\n{prose(n)}") for n in range(9)]
    metrics = cut(tmp_path / "on", [*given, named("none", prose(5), source="pydocs")])
    assert metrics.repeated_paragraphs.by_source == {}
    cut(tmp_path / "off", [*given, named("none", prose(5), source="pydocs")], PARAMS)
    assert hash_tree(tmp_path / "on" / "out") == hash_tree(tmp_path / "off" / "out")


def test_what_was_dropped_before_keeps_no_paragraph(tmp_path: Path) -> None:
    (tmp_path / "quiz.txt").write_text(prose(0), encoding="utf-8")
    given = [named("0", f"{TEMPLATE}\n\n{prose(0)}"), named("1", f"{TEMPLATE}\n\n{prose(1)}")]
    given += [named("2", f"{TEMPLATE} \n\n {prose(1)} and more"), named("3", f"{TEMPLATE}\n\n{prose(3)}")]
    publish(tmp_path / "clean" / "files", given)
    params = replace(CUTTING, decontaminate=("quiz.txt",))
    metrics = deduplicated(tmp_path / "clean", tmp_path / "run", params, evaluations=tmp_path)
    assert metrics.dropped == {"contaminated": 1, "exact_duplicate": 0, "near_duplicate": 1}
    assert texts_of(tmp_path / "run" / "out") == {"files-2": given[2].text, "files-3": prose(3)}


def test_a_cap_counts_what_is_left_of_the_documents(tmp_path: Path) -> None:
    capped = replace(UNMIXED, files=SourceMixture(max_bytes=9000, weight=None))
    metrics = cut(tmp_path, pages(), replace(CUTTING, mixture=capped))
    blend = metrics.mixture["files"]
    assert 9000 - len(prose(0)) * 2 < blend.bytes <= 9000
    assert metrics.splits["train"].by_source["files"].bytes == blend.bytes
    train = {document.id: document.text for document in documents(tmp_path / "out")["train"]}
    assert sum(len(text) for name, text in train.items() if name.startswith("files")) == blend.bytes
    assert metrics.by_source["files"].bytes_in == sum(
        len(document.text) for document in pages() if document.source == "files"
    )
    assert sum(metrics.dropped.values()) + metrics.documents_kept == 60


def test_documents_that_are_duplicates_once_they_are_cut_are_dropped_and_what_they_kept_goes_to_others(
    tmp_path: Path,
) -> None:
    other, story, quoted = prose(1001), prose(1, words=300), prose(2, words=40)
    given = [
        named("0", f"{TEMPLATE}\n\n{prose(10)}"),
        named("1", f"{other}\n\n{prose(11)}"),
        named("2", f"{TEMPLATE}\n\n{story}\n\n{quoted}"),  # the shorter of the two, and keeps what 4 has
        named("3", f"{other}\n\n{edited(story, 150)} {prose(3, words=50)}"),
        named("4", f"{quoted}\n\n{prose(14)}"),
        named("5", f"{quoted}\n\n{TEMPLATE}"),
    ]
    off = cut(tmp_path / "off", given, PARAMS)
    assert off.documents_kept == 6
    metrics = cut(tmp_path / "on", given)
    found = texts_of(tmp_path / "on" / "out")
    assert found == {
        "files-0": given[0].text,
        "files-1": given[1].text,
        "files-3": f"{edited(story, 150)} {prose(3, words=50)}",
        "files-4": given[4].text,
    }
    row = rows_of(tmp_path / "on" / "out")["files-2"]
    assert (row["reason"], row["duplicate_of"], row["cluster"]) == ("near_duplicate", "files-3", "files-2")
    losses = metrics.repeated_paragraphs.by_source["files"]
    assert (losses.documents, losses.too_little_left, losses.duplicates_then) == (1, 1, 1)
    assert metrics.by_source["files"].bytes_in == sum(len(document.text) for document in given)


def test_a_duplicate_of_a_duplicate_that_was_found_later_names_the_document_that_is_kept(
    tmp_path: Path,
) -> None:
    other, quoted = prose(1001, words=300), prose(4, words=60)
    story = prose(1, words=500)
    longer = f"{story} {prose(2, words=70)}"
    given = [
        named("0", f"{TEMPLATE}\n\n{prose(10)}"),
        named("1", f"{other}\n\n{prose(11)}"),
        named("2", f"{TEMPLATE}\n\n{story}\n\n{quoted}"),
        named("3", f"{other}\n\n{longer}\n\n{quoted}"),  # like 2 while 2 keeps the quotation, then like 4
        named("4", f"{longer} {quoted} {prose(5, words=225)}"),
    ]
    assert cut(tmp_path / "off", given, PARAMS).documents_kept == 5
    cut(tmp_path / "on", given)
    twins = {name: row["duplicate_of"] for name, row in rows_of(tmp_path / "on" / "out").items()}
    assert twins == {
        "files-0": "files-0",
        "files-1": "files-1",
        "files-2": "files-4",
        "files-3": "files-4",
        "files-4": "files-4",
    }
    assert {path.name for path in (tmp_path / "on" / "work" / "cache").glob("trimmed_*")} == {
        "trimmed_1",
        "trimmed_2",
        "trimmed_3",
    }


def test_texts_that_are_one_once_they_are_cut_are_kept_once(tmp_path: Path) -> None:
    story = "\n\n".join(prose(n, words=15) for n in range(20))  # of short paragraphs
    given = [named(f"{n}", f"{prose(1000 + n)}\n\n{prose(n, words=200)}") for n in range(6)]
    given += [named(f"copy{n}", f"{prose(1000 + n)}\n\n{story}") for n in range(6)]
    metrics = cut(tmp_path, given, replace(CUTTING, jaccard_threshold=0.9))
    assert metrics.dropped["exact_duplicate"] == 5
    assert [name for name in texts_of(tmp_path / "out") if "copy" in name] == ["files-copy0"]


def test_a_corpus_that_was_cut_passes_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty stories, each on a page of three sites whose long templates differ."""
    monkeypatch.chdir(tmp_path)
    sites = [prose(1000 + site, words=120) for site in range(3)]
    given = [
        named(f"{story:02d}-{site}", f"{template}\n\n{edited(prose(story), 10 * site)}")
        for story in range(60)
        for site, template in enumerate(sites)
    ]
    metrics = cut(tmp_path / "run", given)
    assert metrics.documents_kept == 60 + 2  # the pages of the first story keep the templates
    assert metrics.dropped["near_duplicate"] == 180 - 62
    assert metrics.repeated_paragraphs.by_source["files"].duplicates_then == 180 - 62
    (tmp_path / "baseline").mkdir()
    passed = validate.run(
        tmp_path / "run/out", tmp_path / "baseline", tmp_path / "gate", params=VALIDATE, work=Work(tmp_path)
    )
    assert (passed.overall.documents, passed.sampled > 10) == (62, True)


def test_hostile_texts_are_cut_as_any_other(tmp_path: Path) -> None:
    draw = [prose(n, words=20_000) for n in range(3)]  # two hundred kilobytes and no line end
    given = [
        *(named(f"long{n}", text) for n, text in enumerate(draw)),
        named("quotes", f"{draw[0]}\n\n{prose(6, words=20_000)}"),
        named("blank", "\n \n\t\n" * 1000),
        named("lines", "\u2028\u2028".join([prose(8), TEMPLATE])),
        named("carriage", f"{TEMPLATE}\r\n\r\n{prose(9)}\r\n"),
        named("controls", f"\x00\n\n{TEMPLATE}\n\n\u202e\x85{prose(7)}"),
    ]
    metrics = cut(tmp_path, given)
    found = texts_of(tmp_path / "out")
    assert metrics.documents_kept == len(found) == 8
    assert found["files-controls"] == f"\x00\n\n\u202e\x85{prose(7)}"
    assert found["files-carriage"] == given[6].text
    assert found["files-blank"] == given[4].text
    assert found["files-quotes"] == prose(6, words=20_000)
    assert found["files-lines"] == given[5].text


def test_a_cut_short_search_for_paragraphs_goes_on(tmp_path: Path) -> None:
    first = cut(tmp_path, pages())
    written = hash_tree(tmp_path / "out")
    for results in ("paragraphs", "common", "trimmed_1", "signed_1", "collided_1"):
        next((tmp_path / "work" / "cache" / results).glob("*.done.json")).unlink()
    again = run(tmp_path / "clean", tmp_path, tmp_path / "out", params=CUTTING, work=Work(tmp_path / "work"))
    assert (again, hash_tree(tmp_path / "out")) == (first, written)
