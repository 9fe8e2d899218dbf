"""Muon: momentum whose every update is brought close to the nearest orthogonal matrix.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). torch has one too, but
computes in bf16 whatever the processor: on a core without bf16 instructions its Newton-Schulz iteration was
88 % of a training step. This one computes in the training's own precision, and takes all
matrices of one shape together. A sharded matrix is put together for it, one at a time for the memory's sake;
every process computes the whole update and applies its part.

Shapes: M matrices of one shape, R rows, C columns, S the smaller of both.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.model.optimizers import Group, Optimizer
from pipeline.model.sharding import is_sharded, parted, whole

# Each step applies x -> a x + b x^3 + c x^5 to the singular values. These triples, one per step, are the best
# for singular values from 0.004 to 1: Amsel et al., "The Polar Express" (arXiv:2505.16932), algorithm 1.
COEFFICIENTS = (
    (8.185466062991019, -23.30618884920108, 17.08798241353669),
    (3.956343676205411, -2.910707070011727, 0.5514354338077012),
    (3.344840765312562, -2.5081533429526717, 0.5122767267058383),
    (2.3240577304072194, -1.6898267113027345, 0.42107124620287456),
)
_MARGIN = 1.01  # the triples hold up to a largest singular value: rounding must not lift one above it
_TRIPLES = (
    *((a / _MARGIN, b / _MARGIN**3, c / _MARGIN**5) for a, b, c in COEFFICIENTS[:-1]),
    COEFFICIENTS[-1],
)
_WIDE = 1.5  # columns per row from which the iteration on row by row products is cheaper


class Muon(Optimizer):
    """Updates 2-D weights by orthogonalized Nesterov momentum, with decoupled weight decay.

    An update has a root mean square of about `rate / sqrt(columns)`, whatever its rows, so that one rate
    suits all shapes. `momentum` is the share of the past in the averaged gradient, `dtype` the format of the
    iteration.
    """

    def __init__(self, groups: Sequence[Group], *, momentum: float, dtype: torch.dtype) -> None:
        super().__init__(groups)
        self.momentum, self.dtype = momentum, dtype

    def update(self, weights: list[nn.Parameter], rate: float, *, weight_decay: float) -> None:
        """Updates weights shape by shape: those of one shape together."""
        alike: dict[torch.Size, list[nn.Parameter]] = {}
        for weight in weights:
            alike.setdefault(weight.shape, []).append(weight)
        for those in alike.values():
            for together in [[weight] for weight in those] if is_sharded(those[0]) else [those]:
                self._update(together, rate, decay=weight_decay)

    def _update(self, weights: list[nn.Parameter], rate: float, *, decay: float) -> None:
        """Updates weights of one shape."""
        pushes_MRC = torch.stack([whole(self._push(weight)) for weight in weights])
        updates_MRC = orthogonalized(pushes_MRC, dtype=self.dtype)
        rows, columns = weights[0].shape
        for weight, update_RC in zip(weights, updates_MRC, strict=True):
            weight.mul_(1.0 - rate * decay)
            weight.sub_(parted(update_RC, weight), alpha=rate * max(1.0, rows / columns) ** 0.5)

    def _push(self, weight: nn.Parameter) -> Tensor:
        """The weight's gradient, moved on along its momentum, which is updated."""
        assert weight.grad is not None
        if weight not in self.moments:
            self.moments[weight] = {"momentum_buffer": torch.zeros_like(weight)}
        average = self.moments[weight]["momentum_buffer"]
        average.lerp_(weight.grad, 1.0 - self.momentum)
        return weight.grad.lerp(average, self.momentum)


def orthogonalized(matrices_MRC: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Each matrix with its singular values brought to about 1 and its singular vectors kept; fp32.

    No singular value s_i is above (sum s_i^8)^(1/8), the 4th root of the norm of (x x^T)^2, which the first
    step needs anyway. Divided by that instead of the Frobenius norm, momenta of a training start about twice
    as near to 1, and four steps do what five did. A matrix of zeros stays one.
    """
    tall = matrices_MRC.shape[1] > matrices_MRC.shape[2]
    x_MSC = (matrices_MRC.mT if tall else matrices_MRC).to(dtype)
    x_MSC = x_MSC / torch.linalg.matrix_norm(x_MSC, keepdim=True).clamp(min=1e-12)
    gram_MSS = x_MSC @ x_MSC.mT
    square_MSS = gram_MSS @ gram_MSS
    bound_M11 = torch.linalg.matrix_norm(square_MSS.float(), keepdim=True) ** 0.25
    scale_M11 = (_MARGIN * bound_M11.clamp(min=1e-3)).to(dtype)
    x_MSC, gram_MSS, square_MSS = x_MSC / scale_M11, gram_MSS / scale_M11**2, square_MSS / scale_M11**4
    wide = x_MSC.shape[2] >= _WIDE * x_MSC.shape[1]
    iterate = _by_products if wide and dtype == torch.float32 else _directly
    x_MSC = iterate(x_MSC, gram_MSS, square_MSS)
    return (x_MSC.mT if tall else x_MSC).float()


def _directly(x_MSC: Tensor, gram_MSS: Tensor, square_MSS: Tensor) -> Tensor:
    """The iteration as it is written: x -> (a + b x x^T + c (x x^T)^2) x."""
    a, b, c = _TRIPLES[0]
    x_MSC = torch.baddbmm(x_MSC, b * gram_MSS + c * square_MSS, x_MSC, beta=a)
    for a, b, c in _TRIPLES[1:]:
        gram_MSS = x_MSC @ x_MSC.mT
        polynomial_MSS = torch.baddbmm(gram_MSS, gram_MSS, gram_MSS, beta=b, alpha=c)
        x_MSC = torch.baddbmm(x_MSC, polynomial_MSS, x_MSC, beta=a)
    return x_MSC


def _by_products(x_MSC: Tensor, gram_MSS: Tensor, square_MSS: Tensor) -> Tensor:
    """The same on S x S matrices: polynomials of x x^T commute, so x is multiplied once, at the end.

    Rounding of x x^T grows with the square of the slope at 0 (250): too much for bf16.
    """
    polynomial_MSS = product_MSS = _polynomial(gram_MSS, square_MSS, *_TRIPLES[0])
    for triple in _TRIPLES[1:]:
        gram_MSS = polynomial_MSS @ (polynomial_MSS @ gram_MSS)
        polynomial_MSS = _polynomial(gram_MSS, gram_MSS @ gram_MSS, *triple)
        product_MSS = product_MSS @ polynomial_MSS
    return product_MSS @ x_MSC


def _polynomial(gram_MSS: Tensor, square_MSS: Tensor, a: float, b: float, c: float) -> Tensor:
    """a + b x x^T + c (x x^T)^2."""
    polynomial_MSS = b * gram_MSS + c * square_MSS
    polynomial_MSS.diagonal(dim1=1, dim2=2).add_(a)
    return polynomial_MSS
