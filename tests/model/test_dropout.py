"""Dropout follows from the rows' keys alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from pipeline.model.dropout import Dropout, kept, row_keys
from pipeline.model.losses import summed_cross_entropy
from pipeline.model.transformer import Transformer
from tests.model.trainings import CONFIG, VOCAB_SIZE, new_model

CPU = torch.device("cpu")


def keys(*places: int, seed: int = 1, step: int = 7) -> torch.Tensor:
    return row_keys(seed, step, places, device=CPU)


def test_a_key_follows_from_seed_step_and_place() -> None:
    assert torch.equal(keys(0, 1, 2)[1:], keys(1, 2))
    distinct = {int(keys(0)), int(keys(1)), int(keys(0, seed=2)), int(keys(0, step=8))}
    assert len(distinct) == 4


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_so_many_entries_are_dropped_and_others_at_every_row_token_and_site(share: float) -> None:
    masks = [kept(keys(0, 1, 2, 3), 64, 256, share=share, site=site) for site in (0, 1)]
    for mask_BTD in masks:
        rates = [mask_BTD.float().mean(dim) for dim in ((1, 2), (0, 2), (0, 1))]
        for rate, slack in zip(rates, (0.02, 0.08, 0.15), strict=True):
            assert ((rate - (1 - share)).abs() < slack).all()
    pairs = [(masks[0], masks[1]), (masks[0][0], masks[0][1]), (masks[0][:, 0], masks[0][:, 1])]
    pairs += [(masks[0][..., :-1], masks[0][..., 1:])]
    for one, other in pairs:
        both = (one & other).float().mean().item()
        assert both == pytest.approx((1 - share) ** 2, abs=0.05)


def lowbias32(x: int) -> int:
    x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
    return x ^ x >> 16


def test_the_bits_are_those_of_the_hash_in_plain_numbers() -> None:
    places, share, site = (0, 5, 2**40), 0.25, 3
    found = kept(keys(*places), 5, 9, share=share, site=site)
    for row, key in enumerate(keys(*places).tolist()):
        state = lowbias32(lowbias32(key & 0xFFFFFFFF ^ site * 0x85EBCA77 & 0xFFFFFFFF) ^ key >> 32)
        for token in range(5):
            of_token = lowbias32(token ^ state)
            for column in range(9):
                bits = lowbias32(column * 0x9E3779B1 & 0xFFFFFFFF ^ of_token)
                signed = bits - 2**32 if bits >= 2**31 else bits
                assert bool(found[row, token, column]) is (signed >= share * 2**32 - 2**31)


def test_the_mean_stays_and_the_gradient_is_dropped_alike() -> None:
    x_BTD = torch.ones(2, 32, 512, requires_grad=True)
    dropped_BTD = Dropout(0.25, keys(0, 1)).apply(x_BTD, site=1)
    assert dropped_BTD.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert dropped_BTD.mean().item() == pytest.approx(1.0, abs=0.01)
    dropped_BTD.sum().backward()
    assert torch.equal(x_BTD.grad, dropped_BTD.detach())


def gradients(model: Transformer, splits: list[list[int]]) -> list[torch.Tensor]:
    """Of the summed loss over four rows, however they are split into micro-batches."""
    tokens_BT = torch.randint(VOCAB_SIZE, (4, 16), generator=torch.Generator().manual_seed(1))
    model.zero_grad()
    for places in splits:
        hidden_BTD = model.hidden(tokens_BT[places], dropout_keys_B=keys(*places))
        summed_cross_entropy(hidden_BTD, model.head_VD, tokens_BT[places].roll(-1, 1)).backward()
    return [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]


def test_any_split_of_a_batch_drops_the_same_entries() -> None:
    torch.manual_seed(1)
    model = new_model(dataclasses.replace(CONFIG, dropout=0.4, initialization="kaiming"))
    whole = gradients(model, [[0, 1, 2, 3]])
    torch.manual_seed(2)
    for split in ([[0, 1], [2, 3]], [[0], [1], [2], [3]]):
        for one, other in zip(whole, gradients(model, split), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_nothing_is_dropped_without_keys_or_without_dropout() -> None:
    tokens_BT = torch.randint(VOCAB_SIZE, (2, 16), generator=torch.Generator().manual_seed(1))
    dropping = new_model(dataclasses.replace(CONFIG, dropout=0.4))
    plain = new_model()
    with torch.no_grad():
        wanted_BTD = plain.hidden(tokens_BT)
        assert torch.equal(dropping.hidden(tokens_BT), wanted_BTD)
        assert torch.equal(plain.hidden(tokens_BT, dropout_keys_B=keys(0, 1)), wanted_BTD)
        assert not torch.equal(dropping.hidden(tokens_BT, dropout_keys_B=keys(0, 1)), wanted_BTD)
