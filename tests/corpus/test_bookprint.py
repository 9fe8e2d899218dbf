"""Prose broken at the margin is joined; verse, tables and lists are left alone."""

from __future__ import annotations

import textwrap

from pipeline.corpus.bookprint import cut_credits, join_wrapped_lines

PROSE = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be "
    "in want of a wife. However little known the feelings or views of such a man may be on his first "
    "entering a neighbourhood, this truth is so well fixed in the minds of the surrounding families, that "
    "he is considered as the rightful property of some one or other of their daughters."
)
WRAPPED = textwrap.fill(PROSE, 70)
VERSE = (
    "They dined on mince and slices of quince,\nWhich they ate with a runcible spoon;\n"
    "And hand in hand on the edge of the sand\nThey danced by the light of the moon."
)
TABLE = "London       1,000\nParis          200\nRome             3"


def test_the_lines_of_a_paragraph_are_joined_and_paragraphs_stay_apart() -> None:
    text = f"CHAPTER I\n\n\n{WRAPPED}\n\n{WRAPPED}\n\nThe End"
    assert join_wrapped_lines(text) == f"CHAPTER I\n\n\n{PROSE}\n\n{PROSE}\n\nThe End"


def test_verse_and_tables_between_prose_stay_as_they_are() -> None:
    text = "\n\n".join([WRAPPED, VERSE, TABLE, textwrap.indent(VERSE, "    "), WRAPPED])
    joined = join_wrapped_lines(text)
    assert joined == "\n\n".join([PROSE, VERSE, TABLE, textwrap.indent(VERSE, "    "), PROSE])


def test_a_text_of_short_lines_is_left_alone() -> None:
    assert join_wrapped_lines(f"{VERSE}\n\n{VERSE}") == f"{VERSE}\n\n{VERSE}"


def test_lines_broken_between_phrases_are_joined_when_the_next_goes_on_in_lower_case() -> None:
    phrases = (
        "She had had a disappointment, moreover, that book,\nand most of all the history, must ever recall"
    )
    assert join_wrapped_lines(f"{WRAPPED}\n\n{phrases}").endswith(phrases.replace("\n", " "))


def test_hyphens_and_dashes_at_the_end_of_a_line_take_no_space() -> None:
    filler = "word " * 12
    text = f"{filler}and then a well-\nknown and most interesting {filler}came--\nand went again"
    assert "a well-known and" in join_wrapped_lines(text)
    assert "came--and went" in join_wrapped_lines(text)


def test_an_indented_first_line_keeps_its_indentation() -> None:
    assert join_wrapped_lines(f"     {WRAPPED}\n\n{WRAPPED}") == f"     {PROSE}\n\n{PROSE}"


def test_credits_in_front_are_cut() -> None:
    for credit in (
        "Produced by Sue Asscher and the Online\nDistributed Proofreading Team at http://www.pgdp.net",
        "E-text prepared by A. Volunteer",
        "This etext was created by Peggy Gaugy.",
        "Transcribed from the 1892 George Bell and Sons edition by David Price,\nemail ccx074@pglaf.org",
        "[Transcriber's Note: spelling is as in the original.]",
        "Transcriber's note:\n\n      Italics are indicated by underscores.",
    ):
        assert cut_credits(f"{credit}\n\n\nTHE TALE\n\n{PROSE}") == f"THE TALE\n\n{PROSE}"
    assert cut_credits(f"THE TALE\nScanned by A. Volunteer\n\n{PROSE}") == f"THE TALE\n\n{PROSE}"


def test_what_follows_a_line_of_credit_in_its_paragraph_is_kept() -> None:
    assert cut_credits(f"THE TALE\nScanned by A. Volunteer\nIn two parts\n\n{PROSE}") == (
        f"THE TALE\nIn two parts\n\n{PROSE}"
    )
    wrapped = f"What the farmers of that valley\nproduced in a year by hard work was little.\n\n{PROSE}"
    assert cut_credits(wrapped) == wrapped


def test_transcribers_notes_at_the_end_are_cut_with_all_that_follows() -> None:
    book = "\n\n".join([PROSE] * 40)
    assert cut_credits(f"{book}\n\nTranscriber's Notes:\n\npage 3: teh for the\n\npage 4") == book


def test_a_book_that_speaks_of_producing_is_left_alone() -> None:
    text = f"THE TALE\n\nWhat was produced in that year by the farmers was little.\n\n{PROSE}"
    assert cut_credits(text) == text
