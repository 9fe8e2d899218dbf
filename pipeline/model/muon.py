"""Muon: momentum whose every update is brought close to the nearest orthogonal matrix.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). torch has one too, but
computes in bf16 whatever the processor: on a core without bf16 instructions its Newton-Schulz iteration was
88 % of a training step. This one computes in the training's own precision, and takes all
matrices of one shape together.

Shapes: M matrices of one shape, R rows, C columns, S the smaller of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# Each step applies x -> a x + b x^3 + c x^5 to the singular values. These triples, one per step, are the best
# for singular values from 0.001 to 1: Amsel et al., "The Polar Express" (arXiv:2505.16932), algorithm 1.
COEFFICIENTS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
)
_MARGIN = 1.01  # the triples hold up to a largest singular value: rounding must not lift one above it


class Muon(Optimizer):
    """Updates 2-D weights by orthogonalized Nesterov momentum, with decoupled weight decay.

    An update has a root mean square of about `lr / sqrt(columns)`, whatever its rows, so that one rate suits
    all shapes. `momentum` is the share of the past in the averaged gradient, `dtype` the format of the
    iteration.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, momentum: float, dtype: torch.dtype) -> None:
        super().__init__(groups, {"lr": 0.02, "weight_decay": 0.0})
        self.momentum, self.dtype = momentum, dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Updates every weight that has a gradient."""
        assert closure is None, "the loss is never evaluated again"
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    alike.setdefault(weight.shape, []).append(weight)
            for (rows, columns), weights in alike.items():
                pushes_MRC = torch.stack([self._push(weight) for weight in weights])
                updates_MRC = orthogonalized(pushes_MRC, dtype=self.dtype)
                rate = group["lr"] * max(1.0, rows / columns) ** 0.5
                for weight, update_RC in zip(weights, updates_MRC, strict=True):
                    weight.mul_(1.0 - group["lr"] * group["weight_decay"])
                    weight.sub_(update_RC, alpha=rate)

    def _push(self, weight: Tensor) -> Tensor:
        """The weight's gradient, moved on along its momentum, which is updated."""
        assert weight.grad is not None
        if weight not in self.state:
            self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        average: Tensor = self.state[weight]["momentum_buffer"]
        average.lerp_(weight.grad, 1.0 - self.momentum)
        return weight.grad.lerp(average, self.momentum)


def orthogonalized(matrices_MRC: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Each matrix with its singular values brought to about 1 and its singular vectors kept; fp32.

    A matrix of zeros stays one.
    """
    tall = matrices_MRC.shape[1] > matrices_MRC.shape[2]
    x_MSC = (matrices_MRC.mT if tall else matrices_MRC).to(dtype)
    norm_M11 = torch.linalg.matrix_norm(x_MSC, keepdim=True).clamp(min=1e-12)
    x_MSC = x_MSC / (norm_M11 * _MARGIN)
    for step, (a, b, c) in enumerate(COEFFICIENTS, start=1):
        if step < len(COEFFICIENTS):
            a, b, c = a / _MARGIN, b / _MARGIN**3, c / _MARGIN**5
        square_MSS = x_MSC @ x_MSC.mT
        polynomial_MSS = torch.baddbmm(square_MSS, square_MSS, square_MSS, beta=b, alpha=c)
        x_MSC = torch.baddbmm(x_MSC, polynomial_MSS, x_MSC, beta=a)
    return (x_MSC.mT if tall else x_MSC).float()
