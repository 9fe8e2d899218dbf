"""Muon for the hidden matrices, AdamW for the rest, by groups of weights; and clipping."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.model.muon import Muon
from pipeline.model.optimizers import AdamW, Group, Optimizer
from pipeline.model.sharding import parted, whole
from pipeline.model.transformer import Transformer
from pipeline.settings.training import OptimizationParams

WeightGroup = Literal["head", "norms", "embeddings", "matrices"]


@dataclasses.dataclass(frozen=True, slots=True)
class Optimizers:
    """The optimizers of one model; between them they hold every parameter once."""

    by_name: dict[str, Optimizer]

    def step(self, share: float) -> None:
        """Updates every parameter at `share` of its peak learning rate and forgets the gradients."""
        for optimizer in self.by_name.values():
            optimizer.step(share)
            for weight in optimizer.weights:
                weight.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """All moments, sharded as their parameters are, by `optimizer.parameter.moment`."""
        return {
            f"{name}.{index}.{moment}": value
            for name, optimizer in self.by_name.items()
            for index, weight in enumerate(optimizer.weights)
            for moment, value in optimizer.moments.get(weight, {}).items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Sets all moments to what `tensors()` gave, whole."""
        for name, optimizer in self.by_name.items():
            weights = optimizer.weights
            optimizer.moments.clear()
            for key, value in tensors.items():
                owner, index, moment = key.split(".")
                if owner == name:
                    weight = weights[int(index)]
                    part = parted(value, weight).to(weight.device)
                    optimizer.moments.setdefault(weight, {})[moment] = part


def build_optimizers(model: Transformer, params: OptimizationParams, *, dtype: torch.dtype) -> Optimizers:
    """Muon, computing in `dtype`, (or AdamW) over the 2-D weights of the blocks, AdamW over the rest.

    Each group has its own peak learning rate and its own, decoupled, weight decay.
    """
    rate, decay = params.adamw_learning_rate, params.weight_decay
    muon = params.optimizer == "muon"
    peaks: dict[WeightGroup, tuple[float, float]] = {
        "head": (rate, decay.head),
        "norms": (rate, decay.norms),
        "embeddings": (params.embedding_learning_rate, decay.embeddings),
        "matrices": (params.muon_learning_rate if muon else rate, decay.matrices),
    }
    weights = weight_groups(model)
    by_name: dict[str, Optimizer] = {}
    if muon:
        matrices = Group(weights.pop("matrices"), *peaks.pop("matrices"))
        by_name["muon"] = Muon([matrices], momentum=params.muon_momentum, dtype=dtype)
    alike: dict[tuple[float, float], list[nn.Parameter]] = {}  # groups of the same rates are updated together
    for name, listed in weights.items():
        alike.setdefault(peaks[name], []).extend(listed)
    betas = (params.adamw_beta1, params.adamw_beta2)
    groups = [Group(listed, *rates) for rates, listed in alike.items()]
    adamw = AdamW(groups, betas=betas, epsilon=params.adamw_epsilon)
    return Optimizers({"adamw": adamw, **by_name})


def weight_groups(model: Transformer) -> dict[WeightGroup, list[nn.Parameter]]:
    """Every parameter once: the head (with an embedding tied to it), other embeddings, the matrices of the
    blocks, and norms with all else that is no matrix.
    """
    groups: dict[WeightGroup, list[nn.Parameter]] = {
        "head": [],
        "norms": [],
        "embeddings": [],
        "matrices": [],
    }
    for name, weight in model.named_parameters():
        groups[_group(name, weight, model)].append(weight)
    return groups


def _group(name: str, weight: nn.Parameter, model: Transformer) -> WeightGroup:
    if weight is model.head_VD:
        return "head"
    if weight.ndim < 2:
        return "norms"
    return "matrices" if ".layers." in name else "embeddings"


def peak_learning_rate(params: OptimizationParams) -> float:
    """The peak of the matrices' learning rate: the one that curves show."""
    return params.muon_learning_rate if params.optimizer == "muon" else params.adamw_learning_rate


def clip(gradients: Iterator[Tensor], *, max_norm: float) -> float:
    """Scales the gradients in place to a total norm of at most `max_norm`; returns the norm before.

    A non-finite norm leaves them as they are.
    """
    listed = list(gradients)
    norm = float(whole(torch.nn.utils.get_total_norm(listed)))
    if math.isfinite(norm) and norm > max_norm:
        torch._foreach_mul_(listed, max_norm / norm)
    return norm
