"""Credits and notes of those who typed a book in are cut; of the book nothing is."""

from __future__ import annotations

import time

import pytest

from pipeline.corpus.bookprint import cut_credits

PROSE = (
    "It is a truth universally acknowledged, that a single man in possession of a good\n"
    "fortune, must be in want of a wife."
)
BOOK = f"THE TALE\n\nby A. Writer\n\n\n\nCHAPTER I\n\n{PROSE}"


def cut(text: str) -> str:
    return "\n".join(cut_credits(text.split("\n")))


@pytest.mark.parametrize(
    "credit",
    [
        "Produced by Sue Asscher and the Online\nDistributed Proofreading Team at http://www.pgdp.net",
        "E-text prepared by A. Volunteer",
        "This etext was created by Peggy Gaugy.\nEdition 11 editing by Leigh Little.",
        "This book was TYPED in by Judy Boss",
        "Transcribed from the 1892 George Bell and Sons edition by David Price,\nemail ccx074@pglaf.org",
        "Produced by:\n\nEdward White\nVictoria\n\nedward@example.org",
        "Prof. P. C. Franks, Chairperson\nfranks@example.edu\n\nWith updates and fixes by Dave Bruchie.",
        "Corrections supplied in November 2001 by Andrew Sly.\nIllustrations for the HTML format by T. H.",
        "This is a copy of http://example.org/tale.txt",
        "In Honor of Lisa Hart's 9th Birthday",
        "The text is from the first American appearance in book form.",
        "*The Project Gutenberg Etext of The Tale*\n\n   by A. Writer",
        "This is a retranscription of one of the first Project\nGutenberg Etexts",
        "Note: Project Gutenberg also has an HTML version of this\n      file.",
        "[Editor's Note: Project Gutenberg ebook #43 is a newer edition]",
        "[Note:  `The Tale' was published in 1877.\nThis etext was transcribed from an edition of 1911.]",
        "[This text is intended for users whose text readers cannot use\nthe real version of the file.]",
        "*   *   *\n    +------+\n    | Transcriber's Note:  |\n    | x. |\n    +------+\n\n*   *",
    ],
)
def test_credits_and_captions_in_front_are_cut(credit: str) -> None:
    assert cut(f"\n\n{credit}\n\n\n\n{BOOK}\n\n") == BOOK


@pytest.mark.parametrize(
    "note",
    [
        "[Transcriber's Note: spelling is as in the original.]",
        "[Transcriber's Note: spelling is as in the original.\n\nItalics are marked.]",
        "Transcriber's note:\n\n      Italics are indicated by underscores.\n\nBold too.",
        "PREPARER'S NOTE\n\n\n\n\nThe text is based on translations by\n\nEdgar Taylor",
        "TRANSCRIBER'S NOTE: In the printed version there are no apostrophes.",
        "TRANSCRIBER'S NOTE ABOUT THIS E-TEXT EDITION:\n\nItalics are capitalized.",
        "PG Editor’s Note:\n\nArchaic spelling has not been changed.\n\nDW",
        "Notes on the E-Text.\nThis was prepared from an old edition.\n\nItalics are capitalized.",
        "Preface to the Project Gutenburg Etext\n-------\n\n  The first translation was bad.",
    ],
)
def test_notes_between_title_page_and_book_are_cut(note: str) -> None:
    title, chapter = BOOK.split("\n\n\n\n")
    assert cut(f"{title}\n\n\n{note}\n\n\n\n{chapter}") == f"{title}\n\n\n\n\n\n{chapter}"


def test_a_note_ends_before_a_title_a_picture_or_a_rule() -> None:
    for following in ("THE TALE", "[Illustration: a ship]", "* * *\n\nThe Tale"):
        kept = following.removeprefix("* * *\n\n")
        assert (
            cut(f"Transcriber's Note:\n\nSpelling is kept.\n\n{following}\n\n{PROSE}") == f"{kept}\n\n{PROSE}"
        )


def test_of_a_note_without_an_end_one_paragraph_is_taken() -> None:
    paragraphs = "\n\n".join(f"Paragraph {number} of the tale." for number in range(80))
    assert cut(f"Transcriber's Note:\n\n{paragraphs}") == paragraphs.partition("\n\n")[2]
    unclosed = f"[Transcriber's Note: no bracket closes\n\n{paragraphs}"
    assert cut(unclosed) == paragraphs


def test_what_is_around_a_line_of_credit_in_its_paragraph_is_kept() -> None:
    assert cut(f"The Tale by A. Writer\nScanned by A. Volunteer\nIn two parts\n\n{BOOK}") == (
        f"The Tale by A. Writer\nIn two parts\n\n{BOOK}"
    )
    wrapped = f"What the farmers of that valley\nproduced in a year by hard work was little.\n\n{PROSE}"
    assert cut(wrapped) == wrapped


@pytest.mark.parametrize(
    "notes",
    [
        "Transcriber's Notes:\n\npage 3: teh for the\n\npage 4",
        "[Transcriber's Note: page 3 was missing.]",
        "[Transcriber's Note: page 3 was missing.]\n\n* * *",
        "Typographical errors corrected by the etext transcriber:\n\nteh=> the {pg 68}",
        "    +-----+\n    | Typographical errors corrected in text: |\n    | teh |\n    +-----+\n\n  * * *",
        "Original Comments on the preparation of the E-Text:\n\nSQUARE BRACKETS:\n\nThey are copied.",
        "Errata\n\nVariation between ae and e is unchanged.",
        "------\n\n      Transcriber’s Note\n\nErrors have been corrected.",
    ],
)
def test_notes_behind_the_book_are_cut(notes: str) -> None:
    book = "\n\n".join([BOOK, *[PROSE] * 40])
    assert cut(f"{book}\n\n  * * * * *\n\n{notes}") == book


@pytest.mark.parametrize(
    "note", ["[Transcriber's Note: a word is\nmissing.]", "[Transcriber's note: One.\n\nTwo.]"]
)
def test_notes_in_brackets_are_cut_anywhere(note: str) -> None:
    before, behind = "\n\n".join([PROSE] * 300), "\n\n".join([PROSE] * 80)
    assert cut(f"{before}\n\n{note}\n\n{behind}") == f"{before}\n\n\n{behind}"


@pytest.mark.parametrize(
    "paragraph",
    [
        "What was produced in that year by the farmers was little.",
        "Transcriber's Note: a word is missing.",
        "[Transcriber's Note: no bracket closes",
        "he wrote [Transcriber's Note: sic] to me.",
        "Errata\n\nFor teh read the.",
        "Produced by hand, the paper was thick.",
    ],
)
def test_what_may_be_the_books_is_kept(paragraph: str) -> None:
    text = "\n\n".join([BOOK, *[PROSE] * 260, paragraph, *[PROSE] * 80])
    assert cut(text) == text


def test_a_book_without_blank_lines_is_not_taken_for_its_credit() -> None:
    lines = [f"Line {number} of the tale." for number in range(400)]
    assert cut("\n".join(["Produced by A. Volunteer", *lines])) == "\n".join(lines)
    assert cut("Produced by A. Volunteer\nTHE TALE\nby A. Writer") == "THE TALE\nby A. Writer"
    assert cut("Produced by " + "word " * 9000).startswith("Produced by word")


def test_a_title_page_may_speak_of_producing_further_down() -> None:
    page = "THE PLAY\n\nby A. Writer\n\nIN FOUR ACTS\n\nNew York\n\nProduced by A. Manager at the Theatre"
    assert cut(f"{page}\n\n{PROSE}") == f"{page}\n\n{PROSE}"


@pytest.mark.parametrize(
    "unit",
    [
        "* *\n",
        "* *\n\n",
        "word\n\n",
        "[Transcriber's Note: open\n\n",
        "Transcriber's Note\n",
        "Produced by A. Volunteer\n",
        "a\n",
    ],
)
def test_every_text_takes_time_in_proportion_to_its_length(unit: str) -> None:
    started = time.process_time()
    cut(unit * (300_000 // len(unit)))
    assert time.process_time() - started < 3  # 0.2 when linear, minutes when quadratic


def test_nothing_is_left_of_nothing() -> None:
    assert cut("") == cut("\n \n* * *\n") == ""
    assert cut("Produced by A. Volunteer") == ""
