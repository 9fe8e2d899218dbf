"""The exponential moving average of a model's weights: less noisy than the weights of any one step.

After update t it is `d * average + (1 - d) * weights` with d = min(decay, (1 + t) / (10 + t)): the smaller
first decays let it forget the random start (as TensorFlow's `ExponentialMovingAverage` does; Polyak and
Juditsky, 1992). That d follows from t alone, so the average and t are all that a checkpoint needs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pipeline.model.sharding import parted


class WeightAverage:
    """The average of the weights of `model` so far, in their own precision and on their device.

    average = WeightAverage(model, decay=0.999)
    average.update(updates=1)           # after each update of the weights, numbered from 1
    with average.in_place():            # the model computes with the average
        ...
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self.model, self.decay = model, decay
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, *, updates: int) -> None:
        """Moves the average towards the model's weights, which have been updated so often."""
        step = 1.0 - effective_decay(self.decay, updates=updates)
        for name, value in self.model.state_dict().items():
            self.weights[name].lerp_(value, step)

    def restore(self, weights: dict[str, Tensor]) -> None:
        """Sets the average to the whole weights that a checkpoint held."""
        for name, value in self.weights.items():
            value.copy_(parted(weights[name], value))

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Lets the model hold the average inside; its own weights are back afterwards, bit by bit."""
        own = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.weights)
        try:
            yield
        finally:
            self.model.load_state_dict(own)


def effective_decay(decay: float, *, updates: int) -> float:
    """What is kept of the average at this update, counted from 1."""
    return min(decay, (1 + updates) / (10 + updates))
