"""What every training proves about its model before it is trusted: the loss it starts from, and causality.

Both are mistakes that a falling loss curve hides: a head that starts certain of itself, a mask that lets a
token see the answer.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from pipeline.errors import NumericsError
from pipeline.model.attention import MATMUL_ATTENTION_TOKENS
from pipeline.model.config import ModelConfig
from pipeline.model.initialization import first_losses
from pipeline.model.transformer import Transformer

MAX_LEAK = 1e-4  # logits; a token that sees what it must not moves them by far more
PROBE_TOKENS = MATMUL_ATTENTION_TOKENS + 64  # long enough for the kernel that training uses


def check_first_loss(loss: float, config: ModelConfig) -> float:
    """The distance of an untrained model's loss, in nats a token, from ln(vocab_size), as a share of that.

    NumericsError when the loss is not one that the config's initialization can start from.
    """
    uniform = math.log(config.vocab_size)
    lowest, highest = first_losses(config)
    if not lowest <= loss <= highest:
        raise NumericsError(
            f"the untrained model's loss is {loss:.4f}, not ln({config.vocab_size}) = {uniform:.4f} "
            f"({lowest:.4f} to {highest:.4f} with initialization {config.initialization}); "
            "its initialization is wrong"
        )
    return abs(loss - uniform) / uniform


def check_causality(model: Transformer) -> float:
    """By how much a logit moves, at most, when only tokens change that it must not depend on.

    Those are later tokens and, where the config says so, tokens of other documents and tokens before all
    windows. NumericsError above 1e-4.
    """
    leak = max(_leak_from_later_tokens(model), _leak_from_other_documents(model), _leak_from_afar(model))
    if not leak <= MAX_LEAK:
        raise NumericsError(
            f"logits move by {leak:.2g} when only tokens that must stay unseen change; "
            "the attention mask is wrong"
        )
    return leak


def shaken(model: Transformer) -> Transformer:
    """A copy with random weights everywhere: unlike in a new model, every path carries a signal."""
    probe = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(0)
    for weight in probe.parameters():
        noise = torch.empty(weight.shape).normal_(std=weight.shape[-1] ** -0.5, generator=generator)
        weight.data.copy_(noise + 1 if weight.ndim == 1 else noise)
    return probe


@torch.no_grad()
def _leak_from_later_tokens(model: Transformer) -> float:
    tokens_BT, other_BT = _probes(model)
    half = tokens_BT.shape[1] // 2
    changed_BT = torch.cat((tokens_BT[:, :half], other_BT[:, half:]), dim=1)
    return _distance(model(tokens_BT)[:, :half], model(changed_BT)[:, :half])


@torch.no_grad()
def _leak_from_other_documents(model: Transformer) -> float:
    if not model.config.document_attention:
        return 0.0
    tokens_BT, other_BT = _probes(model)
    half = tokens_BT.shape[1] // 2
    changed_BT = torch.cat((other_BT[:, :half], tokens_BT[:, half:]), dim=1)
    documents_BT = (
        (torch.arange(tokens_BT.shape[1], device=tokens_BT.device) >= half).long().expand_as(tokens_BT)
    )
    return _distance(model(tokens_BT, documents_BT)[:, half:], model(changed_BT, documents_BT)[:, half:])


@torch.no_grad()
def _leak_from_afar(model: Transformer) -> float:
    """From tokens further back than a window for each layer reaches."""
    tokens_BT, other_BT = _probes(model)
    window = model.config.sliding_window_tokens or model.config.context_tokens
    first_seen = tokens_BT.shape[1] - 1 - model.config.num_layers * (window - 1)  # by the last token
    if first_seen <= 0:
        return 0.0
    changed_BT = torch.cat((other_BT[:, :first_seen], tokens_BT[:, first_seen:]), dim=1)
    return _distance(model(tokens_BT)[:, -1], model(changed_BT)[:, -1])


def _probes(model: Transformer) -> tuple[Tensor, Tensor]:
    """Two sequences that differ at every position, each (1, T)."""
    config = model.config
    generator = torch.Generator().manual_seed(1)
    shape = (1, min(PROBE_TOKENS, config.context_tokens))
    tokens_BT = torch.randint(config.vocab_size, shape, generator=generator)
    other_BT = (tokens_BT + 1) % config.vocab_size
    device = model.head_VD.device
    return tokens_BT.to(device), other_BT.to(device)


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())
