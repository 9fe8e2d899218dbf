"""The tokenizer: every text survives, nothing is silently dropped, refusals name the knob."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts import publishing, write_bytes
from pipeline.errors import DataError, IntegrityError, ParamsError
from pipeline.tokens import bpe
from pipeline.tokens.bpe import CONTROLS, KIND, MODEL_FILE, Tokenizer, encode_exactly, sentences, train
from pipeline.tokens.sampling import Text
from tests.tokens.material import HARD_TEXTS, random_text, reference_texts, trained


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(trained().model, origin="here")


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_every_text_survives_encoding_and_decoding(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_random_mixtures_survive_and_never_hold_a_control_id(tokenizer: Tokenizer) -> None:
    rng = random.Random(1)
    for text in (random_text(rng) for _ in range(500)):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(np.array(ids)) == text
        assert all(id >= len(CONTROLS) for id in ids)


def test_the_first_ids_are_the_control_symbols(tokenizer: Tokenizer) -> None:
    assert [tokenizer.piece(id) for id in range(7)] == list(CONTROLS)
    assert tokenizer.facts() == {
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


def test_the_same_texts_give_the_same_bytes() -> None:
    assert trained() == trained()


def test_digits_are_single_tokens_when_split(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("20240101")) == 8


def test_long_texts_are_split_into_sentences_the_trainer_takes() -> None:
    long_line, long_word = "word " * 5000, "\u65e5" * 5000
    for text in (long_line, long_word, "\n".join([long_line, long_word, "short"]), " " * 10_000):
        parts = list(sentences(text))
        assert "".join(parts) == text
        assert max(len(part.encode()) for part in parts) <= bpe.MAX_SENTENCE_BYTES
    assert all(part.startswith(" ") for part in list(sentences(long_line))[1:])
    assert list(sentences("a\u2585b")) == ["a", "b"]


def test_the_trainer_uses_every_sentence_it_is_given(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bpe, "_SILENT", 0)
    text = "word " * 5000 + "\u2585 and more \u2585"
    result = train(lambda: [text, "last"], vocab_size=370, split_digits=True, max_piece_chars=16)
    log = capfd.readouterr().err
    assert f"Loaded all {result.sentences} sentences" in log
    assert "Skipped" not in log
    assert result.bytes_used == result.bytes_in - 2 * len("\u2585".encode())


def test_training_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    trained()
    assert capfd.readouterr() == ("", "")


def test_text_that_spells_control_tokens_can_be_trained_on() -> None:
    spelled = "<s> </s> <unk> <pad> <|user|> <|assistant|> <|end|> <0x41> " * 200 + "other words here " * 200
    result = train(lambda: [spelled], vocab_size=365, split_digits=True, max_piece_chars=16)
    tokenizer = Tokenizer(result.model, origin="here")
    assert tokenizer.decode(tokenizer.encode(spelled)) == spelled
    assert min(tokenizer.encode(spelled)) >= len(CONTROLS)


@pytest.mark.parametrize(
    ("size", "feasible"),
    [(50_000, r"must be 36\d to \d+; lower it or use more text"), (300, r"take 36\d; raise it")],
)
def test_an_impossible_vocabulary_is_refused_with_the_feasible_range(size: int, feasible: str) -> None:
    with pytest.raises(ParamsError, match=rf"^train_bpe\.vocab_size: {size} is not possible .*{feasible}$"):
        trained(vocab_size=size, count=3)


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(DataError, match="no text to learn from"):
        train(lambda: ["", "\u2585"], vocab_size=400, split_digits=True, max_piece_chars=16)


def test_an_error_of_the_input_comes_out_as_it_is() -> None:
    def broken() -> Iterator[str]:
        yield "some text"
        raise IntegrityError("shard-00001.parquet: damaged")

    with pytest.raises(IntegrityError, match=r"^shard-00001\.parquet: damaged$"):
        train(broken, vocab_size=400, split_digits=True, max_piece_chars=16)


def test_a_lone_surrogate_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="lone surrogate"):
        tokenizer.encode("a\ud800")


def test_a_document_that_would_come_back_altered_is_named(tokenizer: Tokenizer) -> None:
    good, bad = Text("pydocs-1", "pydocs", "fine"), Text("pydocs-2", "pydocs", "a\u2581b")
    assert len(encode_exactly(tokenizer, [good])) == 1
    with pytest.raises(DataError, match=r"document pydocs-2: .*U\+2581"):
        encode_exactly(tokenizer, [good, bad])


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    for name, content in (("garbage", b"garbage"), ("empty", b"")):
        with publishing(tmp_path / name, kind=KIND, facts={}) as folder:
            write_bytes(folder / MODEL_FILE, content)
        with pytest.raises(IntegrityError, match=r"tokenizer\.model: .*rebuild it"):
            Tokenizer.open(tmp_path / name)


def test_reference_text_takes_fewer_tokens_than_half_its_bytes(tokenizer: Tokenizer) -> None:
    text = reference_texts()[5]
    assert len(tokenizer.encode(text)) < len(text.encode()) / 2
