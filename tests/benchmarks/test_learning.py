"""How the learning benchmarks part a corpus into unseen text and text to learn from."""

from __future__ import annotations

from benchmarks.learning import first_bytes


def test_the_last_document_taken_is_cut_at_a_whole_character_and_not_used_again() -> None:
    taken, rest = first_bytes(["abc", "déf", "ghi"], 5)
    assert taken == ["abc", "d"]
    assert rest == ["ghi"]


def test_all_documents_are_taken_when_they_do_not_reach_the_size() -> None:
    assert first_bytes(["abc", "def"], 7) == (["abc", "def"], [])
