"""The loss: head and cross-entropy in one, a few hundred rows at a time, and sums instead of means.

Nobody here divides by a number of tokens: the caller knows how many the whole global batch has, and only that
makes the gradient independent of how the batch was split.

Shapes: B batch, T tokens, D width, V vocabulary, N rows that count, C rows of a chunk.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

IGNORED = -100  # a target that does not count
CHUNK_ROWS = 512  # on a CPU 256 to 512 rows take half the time of all at once; on a GPU it bounds the memory
CHUNK_ENTRIES = 1 << 20  # logits that a chunk may have in any case: few tokens in the vocabulary, more rows


@dataclasses.dataclass(frozen=True, slots=True)
class Regularization:
    """What a training adds to the cross-entropy of each row.

    `label_smoothing` e: the target is 1 - e of the right token and e / V of every token (arXiv:1512.00567).
    `z_loss` z: plus z * ln(sum exp logits)^2, which keeps the logits from drifting (arXiv:2204.02311).
    """

    label_smoothing: float
    z_loss: float


NONE = Regularization(label_smoothing=0.0, z_loss=0.0)


def summed_cross_entropy(hidden_BTD: Tensor, head_VD: Tensor, targets_BT: Tensor) -> Tensor:
    """The sum of -ln p(target) in nats over all targets that are not IGNORED, fp32.

    The same as `F.cross_entropy(hidden @ head.T, targets, reduction="sum")`, without ever holding all the
    logits: each chunk's gradient is taken while its logits are there.
    """
    return summed_objective(hidden_BTD, head_VD, targets_BT, regularization=NONE)[0]


def summed_objective(
    hidden_BTD: Tensor, head_VD: Tensor, targets_BT: Tensor, *, regularization: Regularization
) -> tuple[Tensor, Tensor]:
    """The sum to minimize, and in it the cross-entropy alone, which has no gradient; both fp32.

    Without regularization they are equal, and those of `summed_cross_entropy` bit by bit.
    """
    learns = torch.is_grad_enabled() and (hidden_BTD.requires_grad or head_VD.requires_grad)
    kind = hidden_BTD.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_BTD.dtype
    sums: tuple[Tensor, Tensor] = _HeadAndLoss.apply(  # type: ignore[no-untyped-call]
        hidden_BTD, head_VD, targets_BT, _Way(dtype, learns, regularization)
    )
    return sums


@dataclasses.dataclass(frozen=True, slots=True)
class _Way:
    """How the sums are taken: the dtype of the products, whether gradients are, what is added."""

    dtype: torch.dtype
    learns: bool
    added: Regularization


class _HeadAndLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_BTD: Tensor,
        head_VD: Tensor,
        targets_BT: Tensor,
        way: _Way,
    ) -> tuple[Tensor, Tensor]:
        hidden_ND, targets_N = hidden_BTD.reshape(-1, hidden_BTD.shape[-1]), targets_BT.reshape(-1)
        counted_N = _counted(targets_N)
        if counted_N is not None:
            hidden_ND, targets_N = hidden_ND[counted_N], targets_N[counted_N]
        hidden_ND = hidden_ND.to(way.dtype)
        weights_VD = head_VD.to(way.dtype)
        total, extra = torch.zeros((), device=hidden_ND.device), torch.zeros((), device=hidden_ND.device)
        grad_ND, grad_VD = torch.empty_like(hidden_ND), torch.zeros_like(head_VD, dtype=torch.float32)
        rows = max(CHUNK_ROWS, CHUNK_ENTRIES // len(weights_VD))
        for start in range(0, len(targets_N), rows):
            chunk = slice(start, start + rows)
            logits_CV = (hidden_ND[chunk] @ weights_VD.T).float()
            shares_CV, sizes_C1 = _normalized(logits_CV)
            target_C1 = targets_N[chunk].unsqueeze(1)
            right_C1 = logits_CV.gather(1, target_C1) - sizes_C1
            total -= right_C1.sum()
            extra += _extra(logits_CV, right_C1, sizes_C1, way.added)
            if way.learns:
                slope_CV = _slope(shares_CV, target_C1, sizes_C1, way.added).to(way.dtype)
                torch.mm(slope_CV, weights_VD, out=grad_ND[chunk])
                grad_VD += slope_CV.T @ hidden_ND[chunk]
        ctx.save_for_backward(grad_ND, grad_VD, counted_N)
        ctx.shape, ctx.dtypes = hidden_BTD.shape, (hidden_BTD.dtype, head_VD.dtype)
        ctx.mark_non_differentiable(total)
        return total + extra, total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_ND, grad_VD, counted_N = ctx.saved_tensors
        hidden_dtype, head_dtype = ctx.dtypes
        grad_ND = grad_ND.to(hidden_dtype) * grad
        if counted_N is not None:
            rows_ND, grad_ND = grad_ND, grad_ND.new_zeros(ctx.shape).view(-1, ctx.shape[-1])
            grad_ND[counted_N] = rows_ND
        return grad_ND.view(ctx.shape), (grad_VD * grad).to(head_dtype), None, None


def _counted(targets_N: Tensor) -> Tensor | None:
    """The rows whose targets are not IGNORED; None for all, which need not be picked out."""
    counts_N = targets_N != IGNORED
    return None if bool(counts_N.all()) else counts_N.nonzero().squeeze(1)


def _normalized(logits_CV: Tensor) -> tuple[Tensor, Tensor]:
    """Their softmax, and ln(sum exp logits) of each row.

    The largest share of a row is exp(largest logit) / (sum exp logits) and never near 0, so its logarithm
    tells the sum, for a second glance at each row instead of a second exponential of every entry.
    """
    shares_CV = torch.softmax(logits_CV, dim=-1)
    largest_C1, most_C1 = (entries_CV.amax(dim=-1, keepdim=True) for entries_CV in (logits_CV, shares_CV))
    return shares_CV, largest_C1 - most_C1.log_()


def _extra(logits_CV: Tensor, right_C1: Tensor, sizes_C1: Tensor, added: Regularization) -> Tensor:
    """What regularization adds to the cross-entropy of a chunk; a token's ln p is logit - ln(sum exp)."""
    extra = right_C1.new_zeros(())
    if added.label_smoothing:
        mean_logs_C1 = logits_CV.mean(dim=-1, keepdim=True) - sizes_C1
        extra += added.label_smoothing * (right_C1 - mean_logs_C1).sum()
    if added.z_loss:
        extra += added.z_loss * sizes_C1.square().sum()
    return extra


def _slope(shares_CV: Tensor, target_C1: Tensor, sizes_C1: Tensor, added: Regularization) -> Tensor:
    """d objective / d logits = softmax * (1 + 2 z ln(sum exp)) - (1 - e) onehot - e / V.

    It takes the place of the softmax in memory.
    """
    slope_CV = shares_CV
    if added.z_loss:
        slope_CV *= 1.0 + 2.0 * added.z_loss * sizes_C1
    if added.label_smoothing:
        slope_CV -= added.label_smoothing / slope_CV.shape[1]
    right = added.label_smoothing - 1.0
    return slope_CV.scatter_add_(1, target_C1, slope_CV.new_full(target_C1.shape, right))
