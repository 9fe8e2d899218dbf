"""Hand-written gradients are those of the plain formulas."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.model.kernels import rms_norm, rotate


def normal(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, requires_grad=True)


def plain_rotation(x_BHTK: Tensor, angles_TK: Tensor) -> Tensor:
    first, second = x_BHTK.chunk(2, dim=-1)
    cosine_TK, sine_TK = angles_TK.cos(), angles_TK.sin()
    return torch.cat((first * cosine_TK - second * sine_TK, second * cosine_TK + first * sine_TK), dim=-1)


def test_the_norm_has_the_value_and_gradient_of_its_formula() -> None:
    x, weight, slope = normal(3, 4, 8), normal(8, seed=2), normal(3, 4, 8, seed=3)
    ours = rms_norm(x, weight, epsilon=1e-3)
    plain = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-3) * weight
    torch.testing.assert_close(ours, plain, rtol=1e-6, atol=1e-6)
    for got, wanted in zip(
        torch.autograd.grad(ours, (x, weight), slope),
        torch.autograd.grad(plain, (x, weight), slope),
        strict=True,
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6, check_dtype=False)


def test_the_rotation_has_the_value_and_gradient_of_its_formula() -> None:
    x, slope = normal(2, 5, 3, 8).transpose(1, 2), normal(2, 3, 5, 8, seed=2)
    angles_TK = torch.rand(5, 4, generator=torch.Generator().manual_seed(3))
    ours, plain = rotate(x, angles_TK.cos(), angles_TK.sin()), plain_rotation(x, angles_TK)
    assert ours.is_contiguous()
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(*(torch.autograd.grad(value, x, slope)[0] for value in (ours, plain)))


def test_a_norm_of_bf16_takes_its_mean_in_fp32() -> None:
    x = (torch.ones(1, 4096) * 3).bfloat16()
    assert torch.equal(rms_norm(x, torch.ones(4096), epsilon=0.0), torch.ones(1, 4096).bfloat16())
