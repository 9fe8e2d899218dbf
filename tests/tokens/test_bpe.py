"""The tokenizer: every text survives, whatever the type of the model, and no text forges a control symbol."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts import publishing, write_bytes
from pipeline.errors import DataError, IntegrityError
from pipeline.settings.train_bpe import ModelType
from pipeline.tokens.bpe import CONTROLS, KIND, MODEL_FILE, Tokenizer
from pipeline.tokens.learning import train
from tests.tokens.material import HARD_TEXTS, random_text, reference_texts, trained


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(trained().model, origin="here")


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_every_text_survives_encoding_and_decoding(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(
    ("model_type", "vocab_size"), [("bpe", 800), ("unigram", 800), ("word", 800), ("char", 340)]
)
def test_every_type_of_model_keeps_every_text(model_type: ModelType, vocab_size: int) -> None:
    words = Tokenizer(trained(model_type=model_type, vocab_size=vocab_size).model, origin="here")
    assert (words.model_type, words.vocab_size) == (model_type, vocab_size)
    for text in (*HARD_TEXTS, *reference_texts(count=3)):
        ids = words.encode(text)
        assert words.decode(ids) == text
        assert b"".join(map(words.piece_bytes, ids)) == text.encode()
        assert words.unk_id not in ids


def test_spaces_survive_a_vocabulary_of_text_without_any() -> None:
    text = "\u65e5\u672c\u8a9e\u3001\u6f22\u5b57\u4eee\u540d" * 50
    model = train(
        lambda: ["".join(map(chr, range(0x4E00, 0x4E60))), text],
        model_type="bpe",
        vocab_size=470,
        split_digits=True,
        max_piece_chars=16,
    ).model
    assert Tokenizer(model, origin="here").decode(Tokenizer(model, origin="here").encode("a  b")) == "a  b"


def test_random_mixtures_survive_and_never_hold_a_control_id(tokenizer: Tokenizer) -> None:
    rng = random.Random(1)
    for text in (random_text(rng) for _ in range(500)):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(np.array(ids)) == text
        assert all(id >= len(CONTROLS) for id in ids)


def test_the_first_ids_are_the_control_symbols(tokenizer: Tokenizer) -> None:
    assert [tokenizer.piece(id) for id in range(7)] == list(CONTROLS)
    assert tokenizer.facts() == {
        "model_type": "bpe",
        "vocab_size": 800,
        "unk_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "pad_id": 3,
        "user_id": 4,
        "assistant_id": 5,
        "end_id": 6,
    }
    assert tokenizer.decode([1, 4, 6, 5, 6, 2]) == ""


def test_the_model_is_bpe_whose_pieces_are_merged_in_the_order_they_were_learned(
    tokenizer: Tokenizer,
) -> None:
    merged = [id for id in range(7, 800) if len(tokenizer.piece(id)) > 1 and not tokenizer.is_byte(id)]
    scores = [tokenizer.score(id) for id in merged]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


def test_every_printable_ascii_character_has_a_piece_of_its_own(tokenizer: Tokenizer) -> None:
    pieces = {tokenizer.piece(id) for id in range(tokenizer.vocab_size)}
    assert set(map(chr, range(0x21, 0x7F))) <= pieces


def test_digits_are_single_tokens_when_split(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("20240101")) == 8


def test_a_lone_surrogate_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="lone surrogate"):
        tokenizer.encode("a\ud800")


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    for name, content in (("garbage", b"garbage"), ("empty", b"")):
        with publishing(tmp_path / name, kind=KIND, facts={}) as folder:
            write_bytes(folder / MODEL_FILE, content)
        with pytest.raises(IntegrityError, match=r"tokenizer\.model: .*rebuild it"):
            Tokenizer.open(tmp_path / name)


def test_reference_text_takes_fewer_tokens_than_half_its_bytes(tokenizer: Tokenizer) -> None:
    text = reference_texts()[5]
    assert len(tokenizer.encode(text)) < len(text.encode()) / 2
