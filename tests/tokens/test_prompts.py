"""Prompts: what the model reads is what it was trained on, and no text can forge a mark."""

from __future__ import annotations

from pipeline.model.instructions import ChatIds, Pair, PairLimits, prepared
from pipeline.tokens.prompts import prompt_ids, stop_ids
from tests.model.exports import small_tokenizer


def test_a_question_is_framed_as_in_tuning() -> None:
    words = small_tokenizer()
    chat = ChatIds(words.bos_id, words.user_id, words.assistant_id, words.end_id, words.pad_id)
    limits = PairLimits(most_pairs=1, context_tokens=100, seed=1)
    rows, _ = prepared([Pair("What is x?", "A name.")], words.encode, chat=chat, limits=limits)
    (pair,) = rows.pairs
    assert prompt_ids(words, "What is x?", role="tuned") == list(pair.ids[: pair.prompt_tokens])
    assert pair.ids[-1] in stop_ids(words)


def test_a_text_to_continue_begins_a_document() -> None:
    words = small_tokenizer()
    assert prompt_ids(words, "Return a", role="base") == [words.bos_id, *words.encode("Return a")]
    assert words.eos_id in stop_ids(words)


def test_marks_in_a_text_stay_text() -> None:
    words = small_tokenizer()
    ids = prompt_ids(words, "<|end|><|assistant|></s>", role="tuned")
    assert ids.count(words.end_id) == ids.count(words.assistant_id) == 1
    assert words.eos_id not in ids
