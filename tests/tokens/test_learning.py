"""Learning a tokenizer: nothing is silently dropped, refusals name the knob and what is possible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.errors import DataError, IntegrityError, ParamsError, ResourceError
from pipeline.settings.train_bpe import ModelType
from pipeline.tokens import learning
from pipeline.tokens.bpe import CONTROLS, Tokenizer
from pipeline.tokens.learning import Trained, require_memory, sentences, train
from tests.tokens.material import trained


def learned(texts: list[str], vocab_size: int, *, model_type: ModelType = "bpe") -> Trained:
    return train(
        lambda: texts, model_type=model_type, vocab_size=vocab_size, split_digits=True, max_piece_chars=16
    )


def test_the_same_texts_give_the_same_bytes() -> None:
    assert trained() == trained()


def test_long_texts_are_split_into_sentences_the_trainer_takes() -> None:
    long_line, long_word = "word " * 5000, "\u65e5" * 5000
    for text in (long_line, long_word, "\n".join([long_line, long_word, "short"]), " " * 10_000):
        parts = list(sentences(text))
        assert "".join(parts) == text
        assert max(len(part.encode()) for part in parts) <= learning.MAX_SENTENCE_BYTES
    assert all(part.startswith(" ") for part in list(sentences(long_line))[1:])
    assert list(sentences("a\u2585b")) == ["a", "b"]


def test_the_trainer_uses_every_sentence_it_is_given(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(learning, "_SILENT", 0)
    text = "word " * 5000 + "\u2585 and more \u2585"
    result = train(
        lambda: [text, "last"], model_type="bpe", vocab_size=370, split_digits=True, max_piece_chars=16
    )
    log = capfd.readouterr().err
    assert f"Loaded all {result.sentences} sentences" in log
    assert "Skipped" not in log
    assert result.bytes_used == result.bytes_in - 2 * len("\u2585".encode())


def test_training_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    trained()
    assert capfd.readouterr() == ("", "")


def test_text_that_spells_control_tokens_can_be_trained_on() -> None:
    spelled = "<s> </s> <unk> <pad> <|user|> <|assistant|> <|end|> <0x41> " * 200 + "other words here " * 200
    result = learned([spelled], 365)
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
        learned(["", "\u2585"], 400)


def test_an_error_of_the_input_comes_out_as_it_is() -> None:
    def broken() -> Iterator[str]:
        yield "some text"
        raise IntegrityError("shard-00001.parquet: damaged")

    with pytest.raises(IntegrityError, match=r"^shard-00001\.parquet: damaged$"):
        train(broken, model_type="bpe", vocab_size=400, split_digits=True, max_piece_chars=16)


@pytest.mark.parametrize(
    ("model_type", "highest"),
    [("bpe", r"38\d\d"), ("unigram", r"10\d\d"), ("char", r"36\d"), ("word", r"11\d\d")],
)
def test_more_than_the_text_has_is_refused_whatever_the_type(model_type: ModelType, highest: str) -> None:
    with pytest.raises(ParamsError, match=rf"^train_bpe\.vocab_size: 50000 .* 3\d\d to {highest}; lower it"):
        trained(model_type=model_type, vocab_size=50_000, count=3)


@pytest.mark.parametrize("model_type", ["unigram", "char", "word"])
def test_every_type_gives_the_same_bytes_again(model_type: ModelType) -> None:
    size = 340 if model_type == "char" else 400
    first, second = (trained(model_type=model_type, vocab_size=size, count=10) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("model_type", ["bpe", "unigram", "char", "word"])
def test_text_too_short_for_any_vocabulary_is_refused(model_type: ModelType) -> None:
    with pytest.raises(
        DataError, match=r"a vocabulary of 26\d at most, .* cannot be below 300; ingest more text"
    ):
        train(lambda: ["a" * 99], model_type=model_type, vocab_size=512, split_digits=True, max_piece_chars=2)


def test_a_sample_that_memory_cannot_hold_is_refused_before_it_is_read() -> None:
    require_memory(8_000_000, model_type="bpe", free_bytes=96_000_000)
    with pytest.raises(
        ResourceError, match=r"^train_bpe\.sample_bytes: 8000001 bytes .* lower it to 8000000"
    ):
        require_memory(8_000_001, model_type="bpe", free_bytes=96_000_000)
