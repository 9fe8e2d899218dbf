"""contamination: what has a run of words of an evaluation set is found, whatever its case and punctuation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.corpus.catalogue import Catalogue, build_catalogue, shards_below
from pipeline.corpus.contamination import SetTally, screen
from pipeline.corpus.evaluations import Item, read_set
from pipeline.corpus.minhash import Banding
from pipeline.corpus.signing import Signing
from pipeline.records import Document
from pipeline.reuse import Results
from tests.corpora import corpora
from tests.corpus.collections import named, prose, publish

QUESTION = (
    "Which of these mills, turned by the slow river, ground the most grain in the year of the great flood?"
)


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROCESSES", "1")


def catalogued(folder: Path, documents: Sequence[Document]) -> Catalogue:
    publish(folder / "in" / "files", documents, shard_documents=4)
    shards, _ = shards_below(folder / "in")
    return build_catalogue(shards, Results(folder / "signed", code=""), Signing(5, 16, Banding(2, 8)))


def screened(
    folder: Path, texts: dict[str, str], sets: dict[str, list[Item]], *, words: int = 13
) -> tuple[set[str], dict[str, SetTally]]:
    catalogue = catalogued(folder, [named(name, text) for name, text in texts.items()])
    found = screen(catalogue, sets, Results(folder / "screened", code=""), words=words)
    contaminated = catalogue.at(found.contaminated, ["id"])["id"].to_pylist()
    return {name.removeprefix("files-") for name in contaminated}, dict(found.sets)


def test_documents_with_thirteen_words_in_a_row_of_an_item_are_found(tmp_path: Path) -> None:
    words = QUESTION.split()
    texts = {f"{n:02d}": prose(n) for n in range(12)}
    texts["whole"] = f"{prose(20)}\n{QUESTION.upper()}\n{prose(21)}"
    texts["thirteen"] = f"{prose(22)} — “{' — '.join(words[3:16])}” {prose(23)}"
    texts["twelve"] = f"{prose(24)} {' '.join(words[3:15])} {prose(25)}"
    texts["ends"] = " ".join([*words[:8], "x", *words[8:]])
    items = [
        Item("q:1", (QUESTION, "Grist.")),
        Item("q:2", ("Too short to be looked for.",)),
        Item("q:3", (prose(99),)),
    ]
    found, sets = screened(tmp_path, texts, {"q": items, "other": [Item("o:1", (prose(98),))]})
    assert found == {"whole", "thirteen"}
    tally = sets["q"]
    assert (tally.items, tally.items_too_short, tally.items_hit, tally.documents_hit) == (3, 1, 1, 2)
    assert [(example.document, example.item) for example in tally.examples] == [
        ("files-thirteen", "q:1"),
        ("files-whole", "q:1"),
    ]
    assert tally.examples[0].text == f"{QUESTION} Grist."
    assert sets["other"] == SetTally(1, 0, 0, 0, [])


def test_a_text_of_fewer_words_in_all_is_no_run(tmp_path: Path) -> None:
    found, sets = screened(tmp_path, {"a": "two words"}, {"q": [Item("q:1", ("two words",))]})
    assert (found, sets["q"].items_too_short) == (set(), 1)


def test_one_run_in_two_items_and_two_sets_counts_for_each(tmp_path: Path) -> None:
    sets = {
        "a": [Item("a:1", (QUESTION,)), Item("a:2", (f"So: {QUESTION}",))],
        "b": [Item("b:1", (QUESTION,))],
    }
    found, tallies = screened(tmp_path, {"d": QUESTION, "e": prose(1)}, sets)
    assert found == {"d"}
    assert [(tally.items_hit, tally.documents_hit) for tally in tallies.values()] == [(2, 1), (1, 1)]


def test_planted_items_of_real_sets_are_found_and_documentation_is_clean(tmp_path: Path) -> None:
    folder = corpora("evals")
    sets = {name: read_set(folder, name) for name in ("lambada", "llm_foundry_icl/boolq.jsonl", "openbookqa")}
    texts = {f"{n:02d}": prose(n) for n in range(20)}
    for number, items in enumerate(sets.values()):
        texts[f"planted{number}"] = f"{prose(30 + number)} {items[7].texts[-2 if number == 2 else 0]}"
    found, tallies = screened(tmp_path, texts, sets)
    assert found == {"planted0", "planted1", "planted2"}
    assert all(tally.documents_hit == 1 and tally.items_hit >= 1 for tally in tallies.values())
