"""The loss: that of torch, summed, the same however a batch is split."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.model import losses
from pipeline.model.losses import IGNORED, NONE, Regularization, summed_cross_entropy, summed_objective


def case(*, rows: int = 3, tokens: int = 50, ignored: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    hidden_BTD = torch.randn(rows, tokens, 8, generator=generator, requires_grad=True)
    head_VD = torch.randn(20, 8, generator=generator, requires_grad=True)
    targets_BT = torch.randint(20, (rows, tokens), generator=generator)
    targets_BT[torch.rand(rows, tokens, generator=generator) < ignored] = IGNORED
    return hidden_BTD, head_VD, targets_BT


@pytest.mark.parametrize("ignored", [0.3, 0.0])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_value_and_gradients_are_those_of_cross_entropy(
    chunk: int, ignored: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "CHUNK_ROWS", chunk)
    monkeypatch.setattr(losses, "CHUNK_ENTRIES", 0)
    hidden_BTD, head_VD, targets_BT = case(ignored=ignored)
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


def plain_objective(hidden_BTD: Tensor, head_VD: Tensor, targets_BT: Tensor, added: Regularization) -> Tensor:
    """The objective as torch computes it from all the logits at once."""
    counted = targets_BT.flatten() != IGNORED
    logits, targets = (hidden_BTD @ head_VD.T).flatten(0, 1)[counted], targets_BT.flatten()[counted]
    smoothed = F.cross_entropy(logits, targets, label_smoothing=added.label_smoothing, reduction="sum")
    return smoothed + added.z_loss * logits.logsumexp(-1).square().sum()


@pytest.mark.parametrize("chunk", [7, 1000])
@pytest.mark.parametrize(
    "added", [Regularization(0.1, 0.0), Regularization(0.0, 0.3), Regularization(0.2, 0.1)]
)
def test_label_smoothing_and_z_loss_are_those_of_autograd(
    chunk: int, added: Regularization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "CHUNK_ROWS", chunk)
    monkeypatch.setattr(losses, "CHUNK_ENTRIES", 0)
    hidden_BTD, head_VD, targets_BT = case()
    ours, cross_entropy = summed_objective(hidden_BTD, head_VD, targets_BT, regularization=added)
    wanted = plain_objective(hidden_BTD, head_VD, targets_BT, added)
    torch.testing.assert_close(ours, wanted)
    for weights in (hidden_BTD, head_VD):
        got, plain = (torch.autograd.grad(loss, weights, retain_graph=True)[0] for loss in (ours, wanted))
        torch.testing.assert_close(got, plain, rtol=1e-4, atol=1e-5)
    assert not cross_entropy.requires_grad
    assert cross_entropy.item() == summed_cross_entropy(hidden_BTD, head_VD, targets_BT).item()


def test_without_regularization_the_objective_is_the_cross_entropy_bit_by_bit() -> None:
    objective, cross_entropy = summed_objective(*case(), regularization=NONE)
    assert objective.item() == cross_entropy.item()


def test_the_gradient_of_the_regularized_objective_is_that_of_finite_differences() -> None:
    hidden_BTD, head_VD, targets_BT = case(rows=1, tokens=6)
    hidden, head = hidden_BTD.double().detach().requires_grad_(), head_VD.double().detach()
    added = Regularization(label_smoothing=0.1, z_loss=0.05)
    objective, _ = summed_objective(hidden, head, targets_BT, regularization=added)
    (slope,) = torch.autograd.grad(objective, hidden)
    nudge = torch.zeros_like(hidden)
    nudge[0, 2, 3] = 1e-4
    with torch.no_grad():
        above, below = (plain_objective(hidden + sign * nudge, head, targets_BT, added) for sign in (1, -1))
    assert slope[0, 2, 3].item() == pytest.approx((above - below).item() / 2e-4, rel=1e-4)
