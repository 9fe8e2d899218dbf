"""The audit counts terms by group and names the words that stand near them beyond chance."""

from __future__ import annotations

from pipeline.corpus.audit import MIN_COUNT, SHOWN, audit, distinctive, terms_of, words_of
from pipeline.corpus.ingestion import document
from pipeline.settings.people import AuditParams

GROUPS = ("women: she, her", "men: he, his")


def test_terms_are_counted_by_group_and_by_document() -> None:
    texts = ["She sold her flour.", "He did not. HE ground it.", "Then there was the shed."]
    found = audit((document("files", text, text) for text in texts), AuditParams(10_000, GROUPS))
    assert (found.documents, found.words) == (3, 15)
    assert {name: (group.occurrences, group.documents) for name, group in found.groups.items()} == {
        "women": (2, 1),
        "men": (2, 1),
    }


def test_the_company_of_a_group_is_what_stands_there_beyond_chance() -> None:
    tale = "she baked fresh bread today and " * 10 + "\n" + "the wheel of the mill turns round and " * 40
    women = audit([document("files", "tale", tale)], AuditParams(10_000, GROUPS)).groups["women"]
    words = [companion.word for companion in women.company]
    assert {"baked", "bread", "fresh", "today"} <= set(words)
    assert not {"she", "mill", "wheel"} & set(words)
    assert len(words) <= SHOWN


def test_words_are_the_same_with_and_without_letters_beyond_ascii() -> None:
    plain = "She's 3 MILL_stones: x2y\tand\x0bmore"
    assert words_of(plain) == ["she", "s", "mill", "stones", "x", "y", "and", "more"]
    assert words_of(plain + " größer") == [*words_of(plain), "größer"]


def test_rare_and_single_letter_words_say_nothing() -> None:
    near = {"bread": MIN_COUNT, "salt": MIN_COUNT - 1, "a": 50, "she": 50}
    everything = {"bread": 5, "salt": 4, "a": 60, "she": 50, "mill": 5000}
    found = distinctive(near, everything, without=frozenset({"she"}))
    assert [(each.word, each.count) for each in found] == [("bread", MIN_COUNT)]


def test_only_so_many_bytes_are_looked_at() -> None:
    documents = [document("files", str(number), "she said " * 100) for number in range(10)]
    assert audit(iter(documents), AuditParams(1000, GROUPS)).documents == 2
    nothing = audit(iter(documents), AuditParams(0, GROUPS))
    assert (nothing.documents, nothing.words, nothing.groups) == (0, 0, {})


def test_groups_are_read_as_written_in_params() -> None:
    assert terms_of(["the old : Old, aged ,,"]) == {"the old": frozenset({"old", "aged"})}
