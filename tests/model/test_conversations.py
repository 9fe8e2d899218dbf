"""Pairs as ids: what of them is learned, how rows are filled, and that no pair is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from pipeline.model.conversations import ChatIds, Pair, PairLimits, prepared
from pipeline.model.losses import IGNORED
from tests.model.exports import small_model

CHAT = ChatIds(bos_id=1, user_id=4, assistant_id=5, end_id=6, pad_id=3)
LIMITS = PairLimits(most_pairs=100, context_tokens=16, seed=1)


def encode(texts: Sequence[str]) -> list[list[int]]:
    """One id a character."""
    return [[ord(char) for char in text] for text in texts]


def pair(prompt: str, response: str) -> Pair:
    return Pair(prompt, response, "file")


def test_only_the_response_and_its_end_are_learned() -> None:
    rows, _ = prepared([pair("ab", "cd")], encode, chat=CHAT, limits=LIMITS)
    batch = rows.batch([0])
    ((a, b, c, d),) = encode(["abcd"])
    assert batch.tokens_BT.tolist() == [[1, 4, a, b, 6, 5, c, d]]
    assert batch.targets_BT.tolist() == [[IGNORED] * 5 + [c, d, 6]]
    assert batch.num_targets == 3


def test_pairs_share_a_row_as_long_as_they_fit() -> None:
    pairs = [pair(f"p{number}", "r" * (1 + number % 5)) for number in range(20)]
    rows, account = prepared(pairs, encode, chat=CHAT, limits=PairLimits(100, 32, 1))
    assert [one for row in rows.rows for one in row] == list(rows.pairs)
    assert account.kept == 20 > 2 * len(rows)
    batch = rows.batch(range(len(rows)))
    assert batch.tokens_BT.shape[1] <= 32
    assert batch.num_targets == sum(len(one.response) + 1 for one in pairs)
    for row, row_pairs in enumerate(rows.rows):
        assert batch.documents_BT[row].unique().tolist()[-len(row_pairs) :] == list(
            range(1, len(row_pairs) + 1)
        )


def test_pairs_of_a_row_do_not_see_one_another() -> None:
    rows, _ = prepared([pair("ab", "cd"), pair("ef", "gh")], encode, chat=CHAT, limits=PairLimits(2, 16, 1))
    (row,), batch, model = rows.rows, rows.batch([0]), small_model("llama")
    with torch.no_grad():
        together = model(batch.tokens_BT, batch.documents_BT)[0]
        alone = model(torch.tensor([row[1].ids[:-1]]))[0]
    torch.testing.assert_close(together[-len(alone) :], alone)


def test_pairs_are_cut_to_the_context_and_accounted_for() -> None:
    pairs = [pair("ab", "cd"), pair("ab", "cd"), pair("a" * 20, "b"), pair("q", "r" * 40), pair("z", "y")]
    rows, account = prepared(pairs, encode, chat=CHAT, limits=LIMITS, known={"z"})
    assert max(len(row.ids) for row in rows.pairs) == 17
    assert dataclasses.astuple(account) == (5, 1, 1, 0, 1, 2)
    _, account = prepared(pairs, encode, chat=CHAT, limits=PairLimits(1, 16, 1), known={"z"})
    found, *buckets = dataclasses.astuple(account)
    assert found == sum(buckets)
    assert account.over_limit == 2


def test_the_order_follows_from_the_seed_alone() -> None:
    pairs = [pair(f"p{number}", "r") for number in range(20)]
    one, _ = prepared(pairs, encode, chat=CHAT, limits=LIMITS)
    same, _ = prepared(pairs[::-1], encode, chat=CHAT, limits=LIMITS)
    other, _ = prepared(pairs, encode, chat=CHAT, limits=PairLimits(100, 16, 2))
    assert one.sha256 == same.sha256 != other.sha256
