"""Muon for the hidden matrices, AdamW for the rest, and their learning rates as a function of the step."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from pipeline.model.muon import Muon
from pipeline.model.transformer import Transformer
from pipeline.settings.training import OptimizationParams

ADAMW_BETAS = (0.9, 0.95)
WSD_DECAY_SHARE = 0.4  # of all steps: the last part of warm-up, stable, decay


@dataclasses.dataclass(frozen=True, slots=True)
class Optimizers:
    """The optimizers of one model; between them they hold every parameter once."""

    by_name: dict[str, Optimizer]

    def step(self, share: float) -> None:
        """Updates every parameter at `share` of its peak learning rate and forgets the gradients."""
        for optimizer in self.by_name.values():
            for group in optimizer.param_groups:
                group["lr"] = share * group["peak"]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """All moments, by `optimizer.parameter.moment`."""
        return {
            f"{name}.{index}.{moment}": value
            for name, optimizer in self.by_name.items()
            for index, moments in optimizer.state_dict()["state"].items()
            for moment, value in moments.items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Sets all moments to what `tensors()` gave."""
        for name, optimizer in self.by_name.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                owner, index, moment = key.split(".")
                if owner == name:
                    state.setdefault(int(index), {})[moment] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def build_optimizers(model: Transformer, params: OptimizationParams, *, dtype: torch.dtype) -> Optimizers:
    """Muon, computing in `dtype`, (or AdamW) over the 2-D weights of the blocks, AdamW over the rest.

    The embedding has a learning rate of its own, unless it is tied to the head. Weight decay, decoupled,
    applies to the matrices of the blocks only.
    """
    matrices, embeddings, others = [], [], []
    for name, weight in model.named_parameters():
        if is_hidden_matrix(name, weight):
            matrices.append(weight)
        elif weight is model.model.embed_tokens.weight and not model.config.tied_embeddings:
            embeddings.append(weight)
        else:
            others.append(weight)
    rate, decay = params.adamw_learning_rate, params.weight_decay
    groups = [
        {"params": others, "peak": rate, "weight_decay": 0.0},
        {"params": embeddings, "peak": params.embedding_learning_rate, "weight_decay": 0.0},
    ]
    if params.optimizer == "adamw":
        groups.append({"params": matrices, "peak": rate, "weight_decay": decay})
    by_name: dict[str, Optimizer] = {"adamw": AdamW(groups, betas=ADAMW_BETAS, fused=True)}
    if params.optimizer == "muon":
        hidden = [{"params": matrices, "peak": params.muon_learning_rate, "weight_decay": decay}]
        by_name["muon"] = Muon(hidden, dtype=dtype)
    return Optimizers(by_name)


def is_hidden_matrix(name: str, weight: Tensor) -> bool:
    """Whether the parameter is a matrix of a block: neither embedding nor head nor norm."""
    return weight.ndim == 2 and ".layers." in name


def learning_rate_share(step: int, *, steps: int, params: OptimizationParams) -> float:
    """The share of the peak learning rate at `step` (0-based) of `steps`.

    It rises linearly over the warm-up, and reaches `final_learning_rate_share` at the last step: along half a
    cosine, linearly, or, for `wsd`, linearly over the last 40 % of the steps; `constant` stays at the peak.
    """
    warmup_steps = math.ceil(params.warmup_share * steps)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if params.schedule == "constant":
        return 1.0
    decay_start = warmup_steps
    if params.schedule == "wsd":
        decay_start = max(warmup_steps, steps - math.ceil(WSD_DECAY_SHARE * steps))
    progress = max(0.0, (step + 1 - decay_start) / max(1, steps - decay_start))
    if params.schedule == "cosine":
        progress = (1 - math.cos(math.pi * progress)) / 2
    return 1.0 - progress * (1.0 - params.final_learning_rate_share)


def peak_learning_rate(params: OptimizationParams) -> float:
    """The peak of the matrices' learning rate: the one that curves show."""
    return params.muon_learning_rate if params.optimizer == "muon" else params.adamw_learning_rate


def clip(gradients: Iterator[Tensor], *, max_norm: float) -> float:
    """Scales the gradients in place to a total norm of at most `max_norm`; returns the norm before.

    A non-finite norm leaves them as they are.
    """
    listed = list(gradients)
    norm = float(torch.nn.utils.get_total_norm(listed))
    if math.isfinite(norm) and norm > max_norm:
        for gradient in listed:
            gradient.mul_(max_norm / norm)
    return norm
