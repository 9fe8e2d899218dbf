"""Muon: what its updates look like, whatever the shape, and that they follow the reference's rules."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipeline.model.muon import Muon, orthogonalized
from pipeline.model.optimizers import Group

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@DTYPES
@pytest.mark.parametrize("shape", [(2, 24, 64), (2, 64, 24), (1, 8, 8), (1, 48, 64)])
def test_singular_values_come_near_one_and_singular_vectors_stay(
    shape: tuple[int, int, int], dtype: torch.dtype
) -> None:
    left_MRS, _, right_MSC = torch.linalg.svd(random(*shape), full_matrices=False)
    sizes_MS = torch.logspace(-2, 0, left_MRS.shape[2]).expand(shape[0], -1)
    found_MRC = orthogonalized(left_MRS * sizes_MS[:, None] @ right_MSC, dtype=dtype)
    values_MSS = left_MRS.mT @ found_MRC @ right_MSC.mT
    diagonal_MS = values_MSS.diagonal(dim1=1, dim2=2)
    assert found_MRC.dtype == torch.float32
    assert diagonal_MS.min() > 0.7
    assert diagonal_MS.max() < 1.3
    assert (values_MSS - torch.diag_embed(diagonal_MS)).abs().max() < (
        1e-3 if dtype == torch.float32 else 0.1
    )


@DTYPES
@pytest.mark.parametrize("shape", [(1, 4, 6), (1, 4, 4)])
def test_a_matrix_of_zeros_stays_one(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    assert torch.equal(orthogonalized(torch.zeros(shape), dtype=dtype), torch.zeros(shape))


@DTYPES
@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 32, 96)])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6])
def test_one_singular_value_alone_comes_near_one_whatever_its_size(
    shape: tuple[int, int, int], scale: float, dtype: torch.dtype
) -> None:
    column, row = random(1, shape[1], 1), random(1, 1, shape[2], seed=1)
    found = orthogonalized(scale * column @ row, dtype=dtype)
    assert torch.linalg.matrix_norm(found, 2).item() == pytest.approx(1.0, abs=0.2)


def test_wide_matrices_take_the_shorter_way_to_the_same_update() -> None:
    wide = random(2, 32, 96)
    exact = orthogonalized(wide.double(), dtype=torch.float64)
    torch.testing.assert_close(orthogonalized(wide), exact, rtol=1e-4, atol=1e-5)


def test_matrices_of_one_shape_are_updated_as_if_alone() -> None:
    both = orthogonalized(torch.stack([random(8, 16), random(8, 16, seed=1)]))
    torch.testing.assert_close(both[:1], orthogonalized(random(1, 8, 16)))


def test_the_direction_is_that_of_torch_s_muon() -> None:
    ours, theirs = (torch.nn.Parameter(random(16, 16)) for _ in range(2))
    start = ours.detach().clone()
    mine = Muon([Group([ours], peak=0.02)], momentum=0.95, dtype=torch.float32)
    reference = torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.0)
    for seed in range(1, 4):
        ours.grad, theirs.grad = random(16, 16, seed=seed), random(16, 16, seed=seed)
        mine.step(1.0)
        reference.step()
    moved = [(weight.detach() - start).flatten() for weight in (ours, theirs)]
    assert torch.cosine_similarity(*moved, dim=0) > 0.97


def test_weights_decay_by_the_rate_and_stay_without_a_gradient() -> None:
    pushed, left = torch.nn.Parameter(torch.ones(4, 4)), torch.nn.Parameter(torch.ones(4, 4))
    pushed.grad = torch.zeros(4, 4)
    groups = [Group([pushed, left], peak=0.5, weight_decay=0.1)]
    Muon(groups, momentum=0.95, dtype=torch.float32).step(1.0)
    assert pushed.detach().flatten().tolist() == pytest.approx([0.95] * 16)
    assert torch.equal(left.detach(), torch.ones(4, 4))
