"""The loss: that of torch, summed, the same however a batch is split."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.model import losses
from pipeline.model.losses import IGNORED, summed_cross_entropy


def case(*, rows: int = 3, tokens: int = 50) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    hidden_BTD = torch.randn(rows, tokens, 8, generator=generator, requires_grad=True)
    head_VD = torch.randn(20, 8, generator=generator, requires_grad=True)
    targets_BT = torch.randint(20, (rows, tokens), generator=generator)
    targets_BT[torch.rand(rows, tokens, generator=generator) < 0.3] = IGNORED
    return hidden_BTD, head_VD, targets_BT


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_value_and_gradients_are_those_of_cross_entropy(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "CHUNK_ROWS", chunk)
    hidden_BTD, head_VD, targets_BT = case()
    ours = summed_cross_entropy(hidden_BTD, head_VD, targets_BT) / 7
    logits = (hidden_BTD @ head_VD.T).flatten(0, 1)
    wanted = F.cross_entropy(logits, targets_BT.flatten(), ignore_index=IGNORED, reduction="sum") / 7
    torch.testing.assert_close(ours, wanted)
    for weights in (hidden_BTD, head_VD):
        got, plain = (torch.autograd.grad(loss, weights, retain_graph=True)[0] for loss in (ours, wanted))
        torch.testing.assert_close(got, plain, rtol=1e-4, atol=1e-5)


def test_without_gradients_the_value_is_the_same() -> None:
    hidden_BTD, head_VD, targets_BT = case()
    with torch.no_grad():
        quiet = summed_cross_entropy(hidden_BTD, head_VD, targets_BT)
    assert not quiet.requires_grad
    assert quiet.item() == summed_cross_entropy(hidden_BTD, head_VD, targets_BT).item()


def test_any_split_of_a_batch_sums_to_the_same_loss() -> None:
    hidden_BTD, head_VD, targets_BT = case(rows=4)
    whole = summed_cross_entropy(hidden_BTD, head_VD, targets_BT)
    for sizes in ([1, 3], [2, 2], [1, 1, 1, 1]):
        parts = zip(hidden_BTD.split(sizes), targets_BT.split(sizes), strict=True)
        torch.testing.assert_close(
            sum(summed_cross_entropy(part, head_VD, aim) for part, aim in parts), whole
        )


def test_a_batch_without_a_target_has_no_loss_and_no_gradient() -> None:
    hidden_BTD, head_VD, targets_BT = case()
    loss = summed_cross_entropy(hidden_BTD, head_VD, torch.full_like(targets_BT, IGNORED))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert hidden_BTD.grad is not None
    assert not hidden_BTD.grad.any()
