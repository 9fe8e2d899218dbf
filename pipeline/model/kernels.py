"""Arithmetic with hand-written gradients, where autograd's own would cross memory too often.

On a CPU the norms and rotations of a small model cost as much as its attention. Writing their gradients down
saves about an eighth of a training step (6 layers, width 256, 256 tokens); the results are those of the plain
formulas.

Shapes: N rows of any leading axes, D the axis that is normalized, H heads, T tokens, K width of one head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def rms_norm(x_ND: Tensor, weight_D: Tensor, *, epsilon: float) -> Tensor:
    """`x / sqrt(mean(x^2) + epsilon) * weight` over the last axis, in the dtype of `x`, with an fp32 mean."""
    result: Tensor = _RMSNorm.apply(x_ND, weight_D, epsilon)  # type: ignore[no-untyped-call]
    return result


def rotate(x_BHTK: Tensor, cosine_TK: Tensor, sine_TK: Tensor) -> Tensor:
    """Rotates each pair (i, i + K/2) of every head by its token's angle, as transformers pairs them.

    `cosine_TK` and `sine_TK` hold K/2 columns. The result is contiguous, whatever the strides of `x_BHTK`.
    """
    cosine_TK, sine_TK = cosine_TK.to(x_BHTK.dtype), sine_TK.to(x_BHTK.dtype)
    result: Tensor = _Rotation.apply(x_BHTK, cosine_TK, sine_TK)  # type: ignore[no-untyped-call]
    return result


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_ND: Tensor, weight_D: Tensor, epsilon: float) -> Tensor:
        length_N1 = torch.linalg.vector_norm(x_ND, dim=-1, keepdim=True, dtype=torch.float32)
        inverse_N1 = length_N1.square_().div_(x_ND.shape[-1]).add_(epsilon).rsqrt_().to(x_ND.dtype)
        weight_D = weight_D.to(x_ND.dtype)
        normal_ND = x_ND * inverse_N1
        ctx.save_for_backward(normal_ND, inverse_N1, weight_D)
        output_ND: Tensor = normal_ND * weight_D
        return output_ND

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_ND: Tensor) -> tuple[Tensor, Tensor, None]:
        """With n = x * inverse and g = grad * weight: dx = inverse * (g - n * mean(g * n))."""
        normal_ND, inverse_N1, weight_D = ctx.saved_tensors
        product_ND = grad_ND * normal_ND
        grad_weight_D = product_ND.reshape(-1, weight_D.shape[0]).sum(0, dtype=torch.float32)
        overlap_N1 = (product_ND @ weight_D).unsqueeze(-1).div_(-weight_D.shape[0])
        grad_x_ND = (grad_ND * weight_D).addcmul_(normal_ND, overlap_N1).mul_(inverse_N1)
        return grad_x_ND, grad_weight_D, None


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_BHTK: Tensor, cosine_TK: Tensor, sine_TK: Tensor) -> Tensor:
        ctx.save_for_backward(cosine_TK, sine_TK)
        return _turned(x_BHTK, cosine_TK, sine_TK, direction=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BHTK: Tensor) -> tuple[Tensor, None, None]:
        """The gradient of a rotation is the rotation back."""
        return _turned(grad_BHTK, *ctx.saved_tensors, direction=-1), None, None


def _turned(x_BHTK: Tensor, cosine_TK: Tensor, sine_TK: Tensor, *, direction: int) -> Tensor:
    first, second = x_BHTK.chunk(2, dim=-1)
    if torch.compiler.is_compiling():  # which makes one pass of the plain formula
        sine_TK = sine_TK * direction
        halves = first * cosine_TK - second * sine_TK, second * cosine_TK + first * sine_TK
        return torch.cat(halves, dim=-1)
    turned_BHTK = torch.empty(x_BHTK.shape, dtype=x_BHTK.dtype, device=x_BHTK.device)
    out_first, out_second = turned_BHTK.chunk(2, dim=-1)
    torch.mul(first, cosine_TK, out=out_first).addcmul_(second, sine_TK, value=-direction)
    torch.mul(second, cosine_TK, out=out_second).addcmul_(first, sine_TK, value=direction)
    return turned_BHTK
