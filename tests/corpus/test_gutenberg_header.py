"""What the headers of five decades say of a book."""

from __future__ import annotations

import pytest

from pipeline.corpus.gutenberg_header import Header, read_header

NEW = """Title: The Tale
       A Romance

Author: A. Writer

Release date: November 1, 1998 [eBook #1513]
                Most recently updated: September 18, 2025

Language: French

Rights: Public domain
"""
OLD = """*The Project Gutenberg Etext of The Tale*
#2 in our series by A. Writer

*These Etexts Prepared By Hundreds of Volunteers and Donations*

The Tale

by A. B. Writer [French -- 1820-1878.]

May, 1995  [Etext #271]
[Date last updated: July 5, 2006]
"""


def test_fields_are_read_with_the_lines_that_continue_them() -> None:
    assert read_header(NEW.splitlines()) == Header(
        title="The Tale A Romance",
        author="A. Writer",
        language="French",
        release="November 1, 1998",
        rights="Public domain",
    )


def test_an_old_header_names_title_author_and_month_above_the_number() -> None:
    assert read_header(OLD.splitlines()) == Header(
        title="The Tale", author="A. B. Writer", language="", release="May, 1995", rights=""
    )


@pytest.mark.parametrize(
    ("line", "title", "author"),
    [
        ("*The Project Gutenberg Etext of Hard Times, by Charles Dickens*", "Hard Times", "Charles Dickens"),
        ("Project Gutenberg's Etext of Little Women by L. M. Alcott", "Little Women", "L. M. Alcott"),
        ("*Project Gutenberg's Dorian Gray by Oscar Wilde*", "Dorian Gray", "Oscar Wilde"),
        (
            "Charlotte Gilman's Herland--This is the Project Gutenberg Etext.",
            "Charlotte Gilman's Herland",
            "",
        ),
        ("Persuasion, by Jane Austen\n\nFebruary, 1994  [Etext #105]", "Persuasion", "Jane Austen"),
        ("March, 1994  [Etext #105]", "", ""),
        ("A page that says nothing", "", ""),
    ],
)
def test_titles_and_authors_of_old_headers(line: str, title: str, author: str) -> None:
    header = read_header(line.splitlines())
    assert (header.title, header.author) == (title, author)


def test_whatever_a_title_holds_stays_as_it_is_on_one_line() -> None:
    title = '=cmd("x") | <b>bold</b>'
    assert (
        read_header([f"Title: {title}", "     second\tline", "", "Author: A"]).title == f"{title} second line"
    )


def test_long_lines_are_read_in_part() -> None:
    assert len(read_header(["Title: " + "by, " * 1_000_000]).title) < 300
