"""What is around a book is cut, for every form of file that Project Gutenberg has had."""

from __future__ import annotations

import time

import pytest

from pipeline.corpus.decoding import decode
from pipeline.corpus.gutenberg_header import Header
from pipeline.corpus.gutenberg_text import Book, UnclearBookError, declared_encoding, is_marked, open_book

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
        header=Header(
            title="The Tale A Romance",
            author="A. Writer",
            language="English",
            release="November 7, 2003",
            rights="",
        ),
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
        (
            "****START OF PROJECT GUTENBERG ETEXT TALE****\n\n",
            "\n\nEnd of this Project Gutenberg Etext\n\n****END OF PROJECT GUTENBERG ETEXT TALE****\n",
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
@pytest.mark.parametrize(
    "farewell",
    [
        "",
        "\nEnd of The Project Gutenberg Etext of The Tale\n",
        "\n*The Project Gutenberg Etext of The Tale, by A. Writer*\n",
        "\n****End of the Project Gutenberg Etext of The Tale****\n\n\n",
        "\nEnd of the Project Gutenberg Edition of The Tale,\nA Romance in Many Chapters,\nby A. Writer\n",
        "\nEnde dieses Project Gutenberg Etextes The Tale\n",
    ],
)
def test_old_files_begin_after_the_small_print(mark: str, farewell: str) -> None:
    old = SMALL_PRINT.replace("*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*", mark)
    book = open_book(old + BODY + farewell)
    assert (book.body, book.header.title, book.header.author) == (BODY, "The Tale", "A. Writer")


def test_a_caption_in_front_of_a_short_old_book_is_no_farewell() -> None:
    caption = "**The Project Gutenberg Etext of The Tale**\n\n"
    assert open_book(SMALL_PRINT + caption + BODY).body == BODY


def test_talk_of_the_end_of_project_gutenberg_in_the_book_is_left() -> None:
    told = "End of Project Gutenberg, said one.\n\n" + "\n\n".join(f"Answer {number}." for number in range(9))
    book = "\n\n".join([*BODY.split("\n"), told])
    assert open_book(HEADER + START + book + END).body == book


def test_credits_and_notes_are_cut() -> None:
    credit, note = "Produced by A. Volunteer\n\n\n", "\n\nTranscriber's Notes:\n\npage 3: teh for the"
    assert open_book(HEADER + START + credit + BODY + note + END).body == BODY


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
    ("rights", "is_reserved"),
    [
        ("Copyrighted. Read the copyright notice inside this book for details.", True),
        ("Public domain in the USA.", False),
        ("Not copyrighted in the United States.", False),
    ],
)
def test_the_rights_in_the_header_are_read(rights: str, is_reserved: bool) -> None:
    text = f"{HEADER}Copyright Status: {rights}\n\n{START}{BODY}{END}"
    if is_reserved:
        with pytest.raises(UnclearBookError, match="rights_reserved"):
            open_book(text)
    else:
        assert open_book(text).header.rights == rights


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


@pytest.mark.parametrize("declared", ["ASCII", "ISO-8859-1", "Windows-1252", "ISO-646-US (US-ASCII)"])
def test_what_is_declared_ascii_or_latin_1_and_holds_windows_quotation_marks_is_read_right(
    declared: str,
) -> None:
    header = HEADER.replace("ISO-8859-1", declared)
    data = f"{header}{START}{BODY}\ncaf\xe9 \x93q\x94{END}".encode("latin-1")
    assert is_marked(data)
    decoded = decode(data, declared=declared_encoding(data))
    assert decoded is not None
    assert open_book(decoded.text).body.splitlines()[-1] == "café “q”"


def test_a_book_of_ten_megabytes_in_one_line_takes_seconds() -> None:
    line = "Produced by " * 850_000
    started = time.process_time()
    assert open_book(f"{HEADER}{START}{BODY}\n\n{line.strip()}{END}").body.endswith("Produced by")
    assert time.process_time() - started < 5
