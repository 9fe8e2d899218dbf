"""Prose broken at the margin is joined; verse, plays, tables and lists are left alone."""

from __future__ import annotations

import textwrap
import time

import pytest

from pipeline.corpus.unwrapping import join_wrapped_lines

PROSE = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be "
    "in want of a wife. However little known the feelings or views of such a man may be on his first "
    "entering a neighbourhood, this truth is so well fixed in the minds of the surrounding families, that "
    "he is considered as the rightful property of some one or other of their daughters."
)
WRAPPED = textwrap.fill(PROSE, 70)
SONNET = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date:
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance, or nature's changing course, untrimm'd;
But thy eternal summer shall not fade
Nor lose possession of that fair thou owest;
Nor shall Death brag thou wander'st in his shade,
When in eternal lines to time thou growest:
  So long as men can breathe or eyes can see,
  So long lives this, and this gives life to thee."""
WHITMAN = """  I celebrate myself, and sing myself,
  And what I assume you shall assume,
  For every atom belonging to me as good belongs to you.

  My tongue, every atom of my blood, form'd from this soil, this air,
  Born here of parents born here from parents the same, and their
      parents the same,
  I, now thirty-seven years old in perfect health begin,
  Hoping to cease not till death."""
MILTON = """Of Mans First Disobedience, and the Fruit
Of that Forbidden Tree, whose mortal tast
Brought Death into the World, and all our woe,
With loss of Eden, till one greater Man
Restore us, and regain the blissful Seat,
Sing Heav'nly Muse, that on the secret top"""
BALLAD = """  They dined on mince, and slices of quince,
     Which they ate with a runcible spoon;
  And hand in hand, on the edge of the sand,
     They danced by the light of the moon."""
SPANISH_VERSE = """   -En tanto que en sí vuelve Altisidora,
   muerta por la crueldad de don Quijote,
   y en tanto que en la corte encantadora
   se vistieren las damas de picote,"""
TABLE = "London       1,000\nParis          200\nRome             3"
RULED = "| city | people |\n| Rome | three |"
CONTENTS = "CHAPTER I.    Down the Rabbit-Hole\nCHAPTER II.   The Pool of Tears\nCHAPTER III.  A Caucus-Race"
NUMBERED = "I. A Scandal in Bohemia\nII. The Red-headed League\nIII. A Case of Identity\nIV. The Mystery"
LEADERS = f"Chapter I {'.' * 50} 3\nChapter II {'.' * 50} 12"
SYNOPSIS = "  Natural selection of the fittest.\n  Rapid increase of animals.\n  Checks to increase, various."
SIGNED = "Your affectionate brother,\n  R. Walton"
ADDRESS = "To Mrs. Saville,\nNumber 12, Great Street,\nLondon, England"
INDEX = "   Blyth, Mr.:\n   on distinctness of Indian cattle, 18.\n   on striped Hemionus, 163."


def surrounded(passage: str) -> str:
    """The passage in a book of prose."""
    return "\n\n".join([WRAPPED] * 3 + [passage] + [WRAPPED] * 3)


def joined(passage: str) -> str:
    """What becomes of a passage in a book of prose, whose own lines are all joined."""
    front, back = "\n\n".join([PROSE] * 3) + "\n\n", "\n\n" + "\n\n".join([PROSE] * 3)
    text = join_wrapped_lines(surrounded(passage))
    assert text.startswith(front)
    assert text.endswith(back)
    return text[len(front) : -len(back)]


def test_the_lines_of_a_paragraph_are_joined_and_paragraphs_stay_apart() -> None:
    text = f"CHAPTER I\n\n\n{WRAPPED}\n\n{WRAPPED}\n\nThe End"
    assert join_wrapped_lines(text) == f"CHAPTER I\n\n\n{PROSE}\n\n{PROSE}\n\nThe End"


@pytest.mark.parametrize(
    "passage",
    [
        SONNET,
        WHITMAN,
        MILTON,
        textwrap.indent(MILTON, "    "),
        BALLAD,
        SPANISH_VERSE,
        TABLE,
        RULED,
        CONTENTS,
        NUMBERED,
        LEADERS,
        SYNOPSIS,
        SIGNED,
        ADDRESS,
        INDEX,
    ],
)
def test_what_is_no_prose_stays_as_it_is_between_prose(passage: str) -> None:
    assert joined(passage) == passage


@pytest.mark.parametrize("verse", [SONNET, MILTON, WHITMAN, BALLAD])
def test_a_book_of_verse_is_left_alone(verse: str) -> None:
    book = "\n\n".join([verse] * 30)
    assert join_wrapped_lines(book) == book


def test_long_lines_of_a_book_of_verse_are_left_alone() -> None:
    long = "I stay a while away O night, but I return to you again and love you,"
    verse = f"{long}\nAnd I too pass from the night that was before me in the summer time."
    book = "\n\n".join([WHITMAN, verse] * 30)
    assert join_wrapped_lines(book) == book


@pytest.mark.parametrize(
    "passage",
    [
        # the next word would not have fitted
        '"It was the same way with me, as you know," remarked the Scarecrow to\nTip.',
        # phrases: small letters, and a sentence's end before a capital
        "Dorian started to his feet.  A terrible hope fluttered past him.\nHe clutched at it madly, and"
        " then he went on\nto the open door.",
        # set in as a quotation
        "     The laws which have been hitherto mentioned, the laws of nature,\n"
        "     do bind men absolutely, even as they are men, although they have\n"
        "     never any settled fellowship.",
        # a footnote that hangs
        "[2] The writer parodies the proclamation at the Greek games; and the\n    words also are Greek, as"
        " he says.",
        # its first line is set in
        f"     {WRAPPED}",
        # a stray space
        "Kim watched the last dusty sunshine fade out of the court, and played\n with his dagger and the"
        " rosary, day and night.",
        # a play
        "Lady Bracknell.  Yes, I remember now that the General was called so;\nI knew I had some reason"
        " for disliking the name.",
    ],
)
def test_prose_in_other_forms_is_joined(passage: str) -> None:
    first, *rest = passage.split("\n")
    assert joined(passage) == " ".join([first, *map(str.strip, rest)])


def test_paragraphs_that_only_an_indented_line_tells_apart_stay_apart() -> None:
    passage = f"     {WRAPPED}\n     {WRAPPED}\n     {WRAPPED}"
    assert joined(passage) == f"     {PROSE}\n     {PROSE}\n     {PROSE}"


def test_a_speaker_a_heading_and_a_short_line_stay_on_their_own() -> None:
    for line in ("NORA.", "                         THE FIRST PART", "286"):
        assert joined(f"{line}\n{WRAPPED}") == f"{line}\n{PROSE}"


def test_a_signature_stays_on_its_own_line() -> None:
    signature = '                                   "FITZWILLIAM DARCY"'
    assert joined(f"{WRAPPED}\n{signature}") == f"{PROSE}\n{signature}"


def test_each_speech_that_starts_with_a_dash_keeps_its_line() -> None:
    passage = (
        "--Hourra! hourra! fit l'assemblée électrisée par toutes ces émouvantes\nparoles.\n"
        "--Hourra pour l'intrépide Fergusson, s'écria l'un des membres les plus\nexpansifs."
    )
    assert joined(passage) == (
        "--Hourra! hourra! fit l'assemblée électrisée par toutes ces émouvantes paroles.\n"
        "--Hourra pour l'intrépide Fergusson, s'écria l'un des membres les plus expansifs."
    )


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("a well-", "known man", "a well-known man"),
        ("he came--", "and went", "he came--and went"),
        ("he came", "--and went", "he came--and went"),
        ("he came --", "and went", "he came -- and went"),
        ("he came —", "and went", "he came — and went"),
        ("he came—", "and went", "he came—and went"),
        ("he came -", "and went", "he came - and went"),
        ("the Anglo-", "Saxon poem", "the Anglo-Saxon poem"),
    ],
)
def test_hyphens_and_dashes_at_a_lines_end_keep_their_space_or_none(
    first: str, second: str, whole: str
) -> None:
    filler = "word " * 12
    assert joined(f"{filler}{first}\n{second} {filler}and more") == f"{filler}{whole} {filler}and more"


def test_a_book_that_divides_its_words_has_them_whole_again() -> None:
    divided = (
        "between us there was, as I have already said to the others some-\nwhere, the bond of the sea, which "
        "held our hearts together in com-\nmonwealths, and one of those lords had a great knowledge of sea-\n"
        "birds and of a man-of-war, and in the end a sea bird was a well-\nknown thing to all"
    )
    text = "\n\n".join([divided] * 3 + ["And well-known birds were somewhere."])
    whole, *_, last = join_wrapped_lines(text).split("\n\n")
    assert last == "And well-known birds were somewhere."
    assert whole == (
        "between us there was, as I have already said to the others somewhere, the bond of the sea, which "
        "held our hearts together in commonwealths, and one of those lords had a great knowledge of sea-"
        "birds and of a man-of-war, and in the end a sea bird was a well-known thing to all"
    )


@pytest.mark.parametrize(
    "text", ["", "\n", "\n\n", "one line", "\nword\n", f"{WRAPPED}\n", f"\n{WRAPPED}", "a\n \nb"]
)
def test_blank_lines_anywhere_do_no_harm(text: str) -> None:
    assert join_wrapped_lines(text).split() == text.split()


def test_lines_that_were_never_broken_are_left_alone() -> None:
    page = f"{PROSE}\nand this is a second line\n{PROSE}"
    assert join_wrapped_lines(page) == page


@pytest.mark.parametrize(
    "unit",
    [
        "prose words, ",
        "word-\n",
        "and a line of sixty characters that goes on and on in the\n",
        "-",
        " . .",
        "\n a",
    ],
)
def test_ten_megabytes_take_seconds(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    join_wrapped_lines(text)
    assert time.process_time() - started < 2  # 0.2 when linear


def test_one_long_word_in_a_book_that_divides_its_words_takes_no_time() -> None:
    divided = "between us there was, as I have already said to the others some-\nwhere, the bond"
    text = "\n\n".join([divided] * 20 + ["w" * 1_000_000])
    started = time.process_time()
    join_wrapped_lines(text)
    assert time.process_time() - started < 2


def test_ten_megabytes_in_one_line_take_no_time() -> None:
    text = f"{WRAPPED}\n\n{'word ' * 2_000_000}"
    started = time.process_time()
    assert join_wrapped_lines(text).startswith(PROSE)
    assert time.process_time() - started < 5
