"""The hand-checked list of books, and how they are held against it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks.bench import CORPUS
from benchmarks.gutenberg import Book, examine, hand_checked, is_over_cut, is_right, measure
from pipeline.errors import ParamsError
from tests.corpora import corpora

HEADER = "Title: The Tale\n\nLanguage: French\n\n"
MARK = "OF THE PROJECT GUTENBERG EBOOK THE TALE ***"
TALE = "\n".join(f"Line {number} of the tale." for number in range(30))


def file_of(body: str) -> bytes:
    return f"{HEADER}*** START {MARK}\n\n{body}\n\n*** END {MARK}\n".encode()


def test_every_real_book_starts_and_ends_where_the_list_says_and_none_is_over_cut() -> None:
    folder = corpora("gutenberg")
    expected = hand_checked()
    found = {number: examine((folder / f"pg{number}.txt").read_bytes())[0] for number in expected}
    assert [number for number in expected if not is_right(found[number], expected[number])] == []
    assert [number for number in expected if is_over_cut(found[number], expected[number])] == []
    assert {number: book.language for number, book in found.items()} == {
        number: book.language for number, book in expected.items()
    }


def test_the_list_names_each_book_once_with_its_bounds_or_why_it_is_refused() -> None:
    expected = hand_checked()
    assert len(expected) == 98
    for book in expected.values():
        assert bool(book.refused) != bool(book.first_line and book.last_line)
        assert bool(book.refused) != (0.9 < book.retention <= 1)


def test_what_is_found_in_a_file_is_its_bounds_language_and_retention() -> None:
    found, body = examine(file_of(f"Produced by A. Volunteer\n\n\n{TALE}"))
    assert body == TALE
    kept = len("".join(TALE.split()))
    assert found == Book(
        "",
        "French",
        "Line 0 of the tale.",
        "Line 29 of the tale.",
        kept / (kept + len("ProducedbyA.Volunteer")),
    )
    assert examine(b"no book") == (Book("no_markers", "", "", "", 0), "")
    assert examine(b"\0\xff\0") == (Book("undecodable", "", "", "", 0), "")


def test_a_book_is_right_at_the_right_lines_and_over_cut_when_it_lost_text() -> None:
    should = Book("", "", "first", "last", 0.99)
    assert is_right(dataclasses.replace(should, retention=0.5), should)
    assert not is_right(dataclasses.replace(should, last_line="before"), should)
    assert not is_right(Book("no_markers", "", "", "", 0), should)
    assert is_over_cut(dataclasses.replace(should, retention=0.98), should)
    assert not is_over_cut(dataclasses.replace(should, retention=0.9899), should)


def test_the_table_has_a_row_for_every_book_and_the_figures_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CORPUS, str(tmp_path))
    with pytest.raises(ParamsError, match="holds none of the 98 books"):
        measure()
    expected = hand_checked()
    spanish = expected[2000]
    text = f"{spanish.first_line}\n\n{TALE}\n\n{spanish.last_line}"
    (tmp_path / "pg2000.txt").write_bytes(file_of(text).replace(b"French", b"Spanish"))
    (tmp_path / "pg11.txt").write_bytes(file_of(TALE))
    (tmp_path / "pg16.txt").write_bytes(file_of(f"Copyright (C) 2002 by A. Writer\n\n{TALE}"))
    result = measure()
    assert [found for _, found, _ in result.figures] == [2, 3, 1, 1]
    assert [least for _, _, least in result.figures] == [98, 98, 3, 5]
    rows = {row[0]: row for row in result.table[1:-1]}
    assert len(rows) == 98
    assert rows["2000"][1:3] == ("ok", "ok")
    assert rows["11"][1:3] == ("`Line 0 of the tale.`", "`Line 29 of the tale.`")
    assert (rows["16"][5], rows["16"][-1]) == ("rights_reserved", "yes")
    assert (rows["12"][1], rows["12"][-1]) == ("missing", "no")


@pytest.mark.parametrize("named", ["", "no/such/folder"])
def test_without_a_folder_of_books_one_line_says_so(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORPUS, named)
    with pytest.raises(ParamsError, match=f"CORPUS={named}: is no folder"):
        measure()
