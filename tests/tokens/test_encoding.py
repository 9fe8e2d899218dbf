"""Columns of texts: the ids of encoding text by text, and proof that they are the text."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from pipeline.errors import DataError
from pipeline.settings.train_bpe import ModelType
from pipeline.tokens import encoding
from pipeline.tokens.bpe import Tokenizer
from pipeline.tokens.encoding import Encoded, Encoder
from pipeline.tokens.learning import train
from tests.tokens.material import HARD_TEXTS, random_text, reference_texts, trained

every_type = pytest.mark.parametrize("model_type", ["bpe", "unigram", "word", "char"])


@cache
def tokenizer(model_type: ModelType) -> Tokenizer:
    return Tokenizer(
        trained(model_type=model_type, vocab_size=340 if model_type == "char" else 800).model, origin=""
    )


def column(values: list[str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def encoded(words: Tokenizer, texts: list[str]) -> Encoded:
    return Encoder(words).encode(column([f"d-{number}" for number in range(len(texts))]), column(texts))


@every_type
def test_a_column_has_the_ids_of_its_texts(model_type: ModelType, monkeypatch: pytest.MonkeyPatch) -> None:
    chance, words = random.Random(1), tokenizer(model_type)
    texts = [*HARD_TEXTS, *reference_texts(), *(random_text(chance) for _ in range(300)), "", ""]
    each = words.encode_many(texts)
    for at_once in (7, 1000, 1 << 16):  # wherever a pass ends
        monkeypatch.setattr(encoding, "_AT_ONCE", at_once)
        found = encoded(words, texts if at_once > 7 else texts[:20])
        wanted = each if at_once > 7 else each[:20]
        assert np.array_equal(found.ids, np.concatenate(wanted))
        assert found.num_tokens.tolist() == list(map(len, wanted))


@pytest.mark.parametrize(("split_digits", "longest"), [(False, 64), (True, 2)])
def test_the_cuts_follow_the_vocabulary_not_the_language(split_digits: bool, longest: int) -> None:
    texts = [*reference_texts(count=20), "2024-01-01 2024-01-02 " * 30, "\n\n\n\n    x\n" * 40]
    model = train(
        lambda: texts, model_type="bpe", vocab_size=600, split_digits=split_digits, max_piece_chars=longest
    ).model
    words = Tokenizer(model, origin="here")
    assert np.array_equal(encoded(words, texts).ids, np.concatenate(words.encode_many(texts)))


@pytest.mark.parametrize("texts", [[], [""], ["", "", ""], ["a"], ["", "a", ""]])
def test_few_texts_and_empty_ones_are_columns_too(texts: list[str]) -> None:
    found = encoded(tokenizer("bpe"), texts)
    assert found.num_tokens.tolist() == [len(text) for text in texts]
    assert len(found.ids) == sum(map(len, texts))


def test_a_slice_of_a_column_is_read_from_where_it_begins() -> None:
    words, texts = tokenizer("bpe"), reference_texts(count=6)
    part = column(texts).slice(2, 3)
    found = Encoder(words).encode(column(["a", "b", "c"]), part)
    assert np.array_equal(found.ids, np.concatenate(words.encode_many(texts[2:5])))


@every_type
@pytest.mark.parametrize("texts", [["fine", "a\u2581b", "fine"], ["fine", "b", "\u2581"], ["", "\u2581", ""]])
def test_the_text_that_would_come_back_altered_is_named(model_type: ModelType, texts: list[str]) -> None:
    wrong = next(number for number, text in enumerate(texts) if "\u2581" in text)
    with pytest.raises(DataError, match=rf"^document d-{wrong}: comes back altered; .*U\+2581"):
        encoded(tokenizer(model_type), texts)


@pytest.mark.parametrize("change", ["lost", "doubled", "moved", "other"])
def test_a_token_that_is_lost_or_moved_is_found(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Encoder._in_parts

    def damaged(self: Encoder, *given: object, **named: object) -> Encoded:
        right = real(self, *given, **named)  # type: ignore[arg-type]
        ids, counts = right.ids.copy(), right.num_tokens.copy()
        if change == "lost":
            ids, counts[-1] = ids[:-1], counts[-1] - 1
        if change == "doubled":
            ids, counts[-1] = np.append(ids, ids[-1]), counts[-1] + 1
        if change == "moved":
            counts += (1, -1)
        if change == "other":
            ids[-1] = ids[-1] - 1
        return Encoded(ids, counts)

    monkeypatch.setattr(Encoder, "_in_parts", damaged)
    with pytest.raises(DataError, match=r"^document d-[01]: comes back altered"):
        encoded(tokenizer("bpe"), reference_texts(count=2))
