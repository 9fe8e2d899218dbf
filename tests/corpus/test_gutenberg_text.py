"""What is around a book is cut, for every form of file that Project Gutenberg has had."""

from __future__ import annotations

import pytest

from pipeline.corpus.gutenberg_text import Book, UnclearBookError, declared_encoding, open_book

HEADER = """The Project Gutenberg EBook of The Tale, by A. Writer

This eBook is for the use of anyone anywhere at no cost.

Title: The Tale
       A Romance

Author: A. Writer

Release Date: November 7, 2003 [EBook #10007]
[Date last updated: December 1, 2004]

Language: English

Character set encoding: ISO-8859-1

"""
BODY = "\n".join(f"Line {number} of the tale." for number in range(40))
START = "*** START OF THIS PROJECT GUTENBERG EBOOK THE TALE ***\n\n"
FAREWELL = "\n\nEnd of the Project Gutenberg EBook of The Tale, by A. Writer\n\n"
END = FAREWELL + "*** END OF THIS PROJECT GUTENBERG EBOOK THE TALE ***\n"
LICENCE = "\n*** START: FULL LICENSE ***\n\nTHE FULL PROJECT GUTENBERG LICENSE\n"
SMALL_PRINT = """**The Project Gutenberg Etext of The Tale, by A. Writer**
Please take a look at the important information in this header.

***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here?  You know: lawyers.
*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*

"""


def test_header_and_licence_are_cut_and_the_header_is_read() -> None:
    assert open_book(HEADER + START + BODY + END + LICENCE) == Book(
        body=BODY,
        title="The Tale A Romance",
        author="A. Writer",
        language="English",
        release="November 7, 2003",
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (
            "***START OF THE PROJECT GUTENBERG EBOOK THE TALE***\n",
            "\n***END OF THE PROJECT GUTENBERG EBOOK THE TALE***\n",
        ),
        (
            "*** START OF THE PROJECT GUTENBERG EBOOK, TALE ***\n",
            "\n*** END OF THE PROJECT GUTENBERG EBOOK, TALE ***\n",
        ),
        (
            "***START OF THE PROJECT GUTENBERG EBOOK A\nLONG TALE***\n",
            "\n***END OF THE PROJECT GUTENBERG EBOOK A\nLONG TALE***",
        ),
        (
            "*** START OF THE PROJECT GUTENBERG EBOOK 43 ***\n\n",
            "\n\n\n*** END OF THE PROJECT GUTENBERG EBOOK 43 ***\n",
        ),
    ],
)
def test_every_form_of_marks_is_known(start: str, end: str) -> None:
    assert open_book(HEADER + start + BODY + end + LICENCE).body == BODY
    assert open_book((HEADER + start + BODY + end + LICENCE).replace("\n", "\r\n")).body == BODY


@pytest.mark.parametrize(
    "mark",
    [
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        "*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.10/04/01*END*",
        "ENDTHE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTSVer.03.08.92END",
    ],
)
@pytest.mark.parametrize("farewell", ["", "\nEnd of The Project Gutenberg Etext of The Tale\n"])
def test_old_files_begin_after_the_small_print(mark: str, farewell: str) -> None:
    old = SMALL_PRINT.replace("*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*", mark)
    book = open_book(old + BODY + farewell)
    assert (book.body, book.title, book.author) == (BODY, "The Tale", "A. Writer")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BODY, "no_markers"),
        ("", "no_markers"),
        ("<!DOCTYPE html><title>404: not found</title>", "no_markers"),
        (HEADER + START + BODY, "unclear_markers"),  # cut in transfer
        (HEADER + END + BODY + START, "unclear_markers"),
        (HEADER + BODY + END, "unclear_markers"),
        (HEADER + START + BODY + END + START + BODY + END, "unclear_markers"),
        (HEADER * 9 + START + "One line." + END, "unclear_markers"),
    ],
)
def test_a_book_that_cannot_be_told_from_the_rest_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UnclearBookError) as error:
        open_book(text)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    "notice",
    [
        "** This is a COPYRIGHTED Project Gutenberg eBook, Details Below **",
        "Copyright (C) 2002 by David Wyllie.",
        "   (c) 1998, 1999 Software in the Public Interest, Inc.",
        "edition is claimed as copyright (c)1991 due to our preparations",
    ],
)
def test_a_book_under_copyright_is_refused(notice: str) -> None:
    for text in (HEADER + notice + "\n" + START + BODY + END, HEADER + START + notice + "\n" + BODY + END):
        with pytest.raises(UnclearBookError, match="rights_reserved"):
            open_book(text)


@pytest.mark.parametrize(
    "notice",
    [
        "Copyright, 1897, in the United States of America",
        "Copyright laws are changing all over the world.",
        "COPYRIGHT",
    ],
)
def test_an_expired_or_general_notice_reserves_nothing(notice: str) -> None:
    assert notice in open_book(HEADER + START + notice + "\n" + BODY + END).body


def test_the_encoding_is_what_the_header_says() -> None:
    assert declared_encoding(HEADER.encode()) == "ISO-8859-1"
    assert declared_encoding(b"Character set encoding: UTF-8.\r\n") == "UTF-8"
    assert declared_encoding(b"no header") == ""
