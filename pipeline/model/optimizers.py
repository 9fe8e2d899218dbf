"""An optimizer: groups of weights, each with rates of its own, and the moments of every weight. And AdamW.

`torch.optim.Optimizer`, whose place this takes, imports torch's compiler as soon as one is built, a third of
the time from the start of a training to its first step. The arithmetic of AdamW is still torch's.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Weights with one peak learning rate and one, decoupled, weight decay."""

    weights: list[nn.Parameter]
    peak: float
    weight_decay: float = 0.0


class Optimizer(ABC):
    """Updates the weights of its groups from their gradients; a weight without a gradient stays."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        self.moments: dict[nn.Parameter, dict[str, Tensor]] = {}  # of each weight that was updated, by name

    @property
    def weights(self) -> list[nn.Parameter]:
        """All weights, group by group: the order by which checkpoints number them."""
        return [weight for group in self.groups for weight in group.weights]

    @torch.no_grad()
    def step(self, share: float) -> None:
        """Updates every weight that has a gradient at `share` of its group's peak rate."""
        for group in self.groups:
            pushed = [weight for weight in group.weights if weight.grad is not None]
            if pushed:
                self.update(pushed, share * group.peak, weight_decay=group.weight_decay)

    @abstractmethod
    def update(self, weights: list[nn.Parameter], rate: float, *, weight_decay: float) -> None:
        """Updates weights of one group, all of which have a gradient."""


class AdamW(Optimizer):
    """Adam with decoupled weight decay: Loshchilov and Hutter, "Decoupled Weight Decay Regularization"
    (arXiv:1711.05101).
    """

    def __init__(self, groups: Sequence[Group], *, betas: tuple[float, float], epsilon: float) -> None:
        super().__init__(groups)
        self.betas, self.epsilon = betas, epsilon

    def update(self, weights: list[nn.Parameter], rate: float, *, weight_decay: float) -> None:
        """Updates all weights in one pass over memory, by torch's fused kernel."""
        moments = [self._moments(weight) for weight in weights]
        adamw(
            list(weights),
            [weight.grad for weight in weights if weight.grad is not None],
            [of["exp_avg"] for of in moments],
            [of["exp_avg_sq"] for of in moments],
            [],
            [of["step"] for of in moments],
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=rate,
            weight_decay=weight_decay,
            eps=self.epsilon,
            maximize=False,
        )

    def _moments(self, weight: nn.Parameter) -> dict[str, Tensor]:
        if weight not in self.moments:
            self.moments[weight] = {
                "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
        return self.moments[weight]
