"""The relevance of a question is what its answer costs more behind another one."""

from __future__ import annotations

import pytest
import torch

from pipeline.model.conversations import PairIds, PairRows
from pipeline.model.relevance import question_relevance, with_other_questions
from pipeline.model.runtime import start_runtime
from tests.model.exports import small_model
from tests.model.trainings import PARAMS

BOS, END = 1, 6


def pair(word: int, *, kind: str = "echo") -> PairIds:
    """A question whose answer is its last word."""
    return PairIds((BOS, word, word, END), 2, kind)


def rows(pairs: list[PairIds]) -> PairRows:
    return PairRows(pairs, context_tokens=16, pad_id=3)


def test_each_answer_meets_the_question_of_the_next_pair() -> None:
    found = with_other_questions([pair(20), pair(21), pair(22)], context_tokens=16)
    assert [(own.ids, other.ids) for own, other in found] == [
        ((BOS, 20, 20, END), (BOS, 21, 20, END)),
        ((BOS, 21, 21, END), (BOS, 22, 21, END)),
        ((BOS, 22, 22, END), (BOS, 20, 22, END)),
    ]


def test_the_same_question_and_one_that_leaves_no_room_are_left_out() -> None:
    assert with_other_questions([pair(20), pair(20)], context_tokens=16) == []
    long = PairIds((BOS, *range(20, 32), END), 13, "echo")
    assert [own for own, _ in with_other_questions([pair(20), long], context_tokens=12)] == [long]


def test_a_model_that_reads_the_question_pays_more_behind_another_one() -> None:
    runtime, model = start_runtime(PARAMS.runtime), small_model("llama")
    held_out = rows([pair(word) for word in range(20, 28)])
    before = question_relevance(model, held_out, runtime=runtime)["all"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    batch = held_out.batch(range(len(held_out)))
    for _ in range(60):
        logits = model(batch.tokens_BT, batch.documents_BT)
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets_BT.flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
    after = question_relevance(model, held_out, runtime=runtime)["all"]
    assert (before.pairs, before.tokens) == (8, 16)
    assert before.other_question - before.own_question == pytest.approx(0, abs=0.5)
    assert after.other_question - after.own_question > 2


def test_kinds_are_measured_apart_and_together() -> None:
    runtime, model = start_runtime(PARAMS.runtime), small_model("llama")
    pairs = [pair(20), pair(21), pair(22, kind="more"), pair(23, kind="more"), pair(24, kind="lonely")]
    found = question_relevance(model, rows(pairs), runtime=runtime)
    assert {kind: relevance.pairs for kind, relevance in found.items()} == {"echo": 2, "more": 2, "all": 4}
    mean = (found["echo"].own_question + found["more"].own_question) / 2
    assert found["all"].own_question == pytest.approx(mean)
    assert question_relevance(model, rows([pair(20)]), runtime=runtime) == {}
