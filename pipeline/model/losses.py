"""The loss: head and cross-entropy in one, a few hundred rows at a time, and sums instead of means.

Nobody here divides by a number of tokens: the caller knows how many the whole global batch has, and only that
makes the gradient independent of how the batch was split.

Shapes: B batch, T tokens, D width, V vocabulary, N rows that count, C rows of a chunk.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

IGNORED = -100  # a target that does not count
CHUNK_ROWS = 512  # on a CPU 256 to 512 rows take half the time of all at once; on a GPU it bounds the memory


def summed_cross_entropy(hidden_BTD: Tensor, head_VD: Tensor, targets_BT: Tensor) -> Tensor:
    """The sum of -ln p(target) in nats over all targets that are not IGNORED, fp32.

    The same as `F.cross_entropy(hidden @ head.T, targets, reduction="sum")`, without ever holding all the
    logits: each chunk's gradient is taken while its logits are there.
    """
    learns = torch.is_grad_enabled() and (hidden_BTD.requires_grad or head_VD.requires_grad)
    kind = hidden_BTD.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_BTD.dtype
    loss: Tensor = _HeadAndLoss.apply(  # type: ignore[no-untyped-call]
        hidden_BTD, head_VD, targets_BT, dtype, learns
    )
    return loss


class _HeadAndLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_BTD: Tensor, head_VD: Tensor, targets_BT: Tensor, dtype: torch.dtype, learns: bool
    ) -> Tensor:
        counted_N = (targets_BT.reshape(-1) != IGNORED).nonzero().squeeze(1)
        hidden_ND = hidden_BTD.reshape(-1, hidden_BTD.shape[-1])[counted_N].to(dtype)
        targets_N = targets_BT.reshape(-1)[counted_N]
        weights_VD = head_VD.to(dtype)
        total = torch.zeros((), device=hidden_ND.device)
        grad_ND, grad_VD = torch.empty_like(hidden_ND), torch.zeros_like(head_VD, dtype=torch.float32)
        for start in range(0, len(counted_N), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            logs_CV = F.log_softmax((hidden_ND[chunk] @ weights_VD.T).float(), dim=-1)
            target_C1 = targets_N[chunk].unsqueeze(1)
            total -= logs_CV.gather(1, target_C1).sum()
            if learns:
                slope_CV = logs_CV.exp_()  # d loss / d logits = softmax - onehot
                slope_CV.scatter_add_(1, target_C1, slope_CV.new_full(target_C1.shape, -1.0))
                slope_CV = slope_CV.to(dtype)
                torch.mm(slope_CV, weights_VD, out=grad_ND[chunk])
                grad_VD += slope_CV.T @ hidden_ND[chunk]
        ctx.save_for_backward(grad_ND, grad_VD, counted_N)
        ctx.shape, ctx.dtypes = hidden_BTD.shape, (hidden_BTD.dtype, head_VD.dtype)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        grad_ND, grad_VD, counted_N = ctx.saved_tensors
        hidden_dtype, head_dtype = ctx.dtypes
        grad_BTD = grad_ND.new_zeros(ctx.shape, dtype=hidden_dtype)
        grad_BTD.view(-1, ctx.shape[-1])[counted_N] = grad_ND.to(hidden_dtype) * grad
        return grad_BTD, (grad_VD * grad).to(head_dtype), None, None, None
