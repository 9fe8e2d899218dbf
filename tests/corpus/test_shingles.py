"""shingles: what counts as a word, and that hashes stand for exactly the shingles."""

from __future__ import annotations

import itertools
import random
import re

from pipeline.corpus.shingles import digest, normalize, normalize_all, shingle_sets


def hashed(*texts: str, words: int = 3) -> list[set[int]]:
    sets = shingle_sets([normalize(text) for text in texts], words=words)
    return [set(sets.hashes[first:last].tolist()) for first, last in itertools.pairwise(sets.starts)]


def by_words(text: str, words: int) -> set[tuple[str, ...]]:
    found = re.findall(r"[日本]|[^\W_日本]+", " ".join(text.casefold().split())) or [text]
    return {tuple(found[place : place + words]) for place in range(max(1, len(found) - words + 1))}


def test_case_and_white_space_do_not_make_another_text() -> None:
    assert normalize(" The  CAT\n") == normalize("the cat") == b"the cat"
    assert digest(normalize("Straße")) == digest(normalize("STRASSE"))


def test_many_texts_are_normalized_as_each_alone() -> None:
    draw, characters = random.Random(4), " \t\n\x0b\x1f\x85\xa0\u2003\u2028\u3000\u200b\0aBßÉ日"
    texts = ["".join(draw.choices(characters, k=draw.randrange(9))) for _ in range(500)]
    assert normalize_all(texts) == [normalize(text) for text in texts]
    assert normalize_all([]) == []


def test_all_that_python_calls_white_space_is() -> None:
    for space in filter(str.isspace, map(chr, range(0x110000))):
        assert normalize_all([f"a{space}b"]) == [b"a b"], hex(ord(space))


def test_punctuation_and_quotation_marks_do_not_make_other_shingles() -> None:
    curly, straight = hashed("“Don’t,” he said—no, no!", '"Don\'t" he said - no no')
    assert curly == straight


def test_a_text_shorter_than_a_shingle_is_one_shingle() -> None:
    short, shorter, none, blank = hashed("one two", "one", "", " \n")
    assert len(short) == len(shorter) == len(none) == len(blank) == 1
    assert none == blank
    assert not short & shorter


def test_texts_without_a_word_are_told_apart() -> None:
    stars, dashes = hashed("* * *", "- - -")
    assert not stars & dashes


def test_characters_are_words_where_no_spaces_part_them() -> None:
    (japanese,) = hashed("日本語のテキスト")
    assert len(japanese) == 6


def test_hashes_are_equal_exactly_where_shingles_are() -> None:
    draw = random.Random(1)
    parts = ["a", "b", "word", "é", "日", "本", "-", "“", " ", "  ", "\n", "...", "x_y", "12"]
    texts = ["".join(draw.choice(parts) for _ in range(draw.randrange(40))) for _ in range(300)]
    hashes, shingles = hashed(*texts), [by_words(text, 3) for text in texts]
    for left, right in itertools.combinations(range(len(texts)), 2):
        assert len(hashes[left] & hashes[right]) == len(shingles[left] & shingles[right])


def test_a_text_has_the_same_shingles_whatever_stands_beside_it() -> None:
    alone = hashed("the mill turns under the bridge")
    beside = hashed("", "日本", "the mill turns under the bridge", "!!!")
    assert beside[2] == alone[0]
