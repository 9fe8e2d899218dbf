"""Other people's models, ready to learn: nanoGPT, from the checkout that NANOGPT names, and HF's Llama.

Their code is imported from where it is, never copied. A contender's `step` makes one update, as its authors'
training script makes it: forward and backward pass, gradients clipped to a norm of 1, AdamW.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from pipeline.errors import ParamsError

NANOGPT = "NANOGPT"  # the environment variable that names a checkout of github.com/karpathy/nanoGPT
WEIGHT_DECAY = 0.1  # of nanoGPT's train.py, as are these
BETAS = (0.9, 0.95)
MAX_NORM = 1.0
LEARNING_RATE = 1e-3
Loss = Callable[[Any, Tensor, Tensor], Tensor]
Step = Callable[[Tensor, Tensor], None]  # one update from tokens and targets, each (B, T)


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """What models of all families are built to, and what one step of theirs sees."""

    layers: int
    heads: int
    width: int
    context: int
    batch: int
    vocab_size: int

    @property
    def gated_width(self) -> int:
        """The hidden width of a gated MLP with about the parameters of a plain one of 4 times the width."""
        return round(8 / 3 * self.width / 32) * 32


def nanogpt(shape: Shape) -> Any:
    """Its GPT of this shape, as train.py builds it (no biases, no dropout, embedding and head tied)."""
    module = _nanogpt_module()
    config = module.GPTConfig(
        block_size=shape.context,
        vocab_size=shape.vocab_size,
        n_layer=shape.layers,
        n_head=shape.heads,
        n_embd=shape.width,
        dropout=0.0,
        bias=False,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        return module.GPT(config)


def nanogpt_optimizer(
    model: Any, *, learning_rate: float, betas: tuple[float, float] = BETAS, kind: str = "cpu"
) -> Optimizer:
    """The AdamW that it configures for a kind of device."""
    with contextlib.redirect_stdout(io.StringIO()):
        optimizer: Optimizer = model.configure_optimizers(WEIGHT_DECAY, learning_rate, betas, kind)
    return optimizer


def nanogpt_step(shape: Shape, device: torch.device, *, compiled: bool) -> Step:
    """Its step as train.py makes it on a GPU: in bf16, with TF32 for what is left."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    model = nanogpt(shape).to(device)
    adamw = nanogpt_optimizer(model, learning_rate=LEARNING_RATE, kind=device.type)
    called: Any = torch.compile(model) if compiled else model
    return _step(called, nanogpt_loss, adamw, bf16=True, kind=device.type)


def llama(shape: Shape) -> nn.Module:
    """transformers' Llama of this shape, embedding and head tied, its attention as it comes (SDPA)."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.width,
        intermediate_size=shape.gated_width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        use_cache=False,
    )
    return LlamaForCausalLM(config)


def contenders(shape: Shape) -> dict[str, Callable[[], Step]]:
    """What builds the step of each peer, by its name in the table."""
    _nanogpt_module()

    def shipped() -> Step:
        model = nanogpt(shape)
        adamw = nanogpt_optimizer(model, learning_rate=LEARNING_RATE)
        return _step(model, nanogpt_loss, adamw, bf16=False)

    def fused(build: Callable[[Shape], Any], loss: Loss, *, bf16: bool) -> Step:
        model = build(shape)
        adamw = AdamW(model.parameters(), LEARNING_RATE, BETAS, weight_decay=WEIGHT_DECAY, fused=True)
        return _step(model, loss, adamw, bf16=bf16)

    found: dict[str, Callable[[], Step]] = {"nanoGPT as shipped, fp32": shipped}
    for name, build, loss in (("nanoGPT", nanogpt, nanogpt_loss), ("HF Llama", llama, llama_loss)):
        for precision, bf16 in (("fp32", False), ("bf16 autocast", True)):
            found[f"{name}, {precision}, fused AdamW"] = functools.partial(fused, build, loss, bf16=bf16)
    return found


def _step(model: Any, loss: Loss, optimizer: Optimizer, *, bf16: bool, kind: str = "cpu") -> Step:
    def step(tokens_BT: Tensor, targets_BT: Tensor) -> None:
        with torch.autocast(kind, torch.bfloat16, enabled=bf16):
            found = loss(model, tokens_BT, targets_BT)
        found.backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def nanogpt_loss(model: Any, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
    """The mean cross-entropy in nats as its forward gives it; a target of -1 does not count."""
    loss: Tensor = model(tokens_BT, targets_BT)[1]
    return loss


def llama_loss(model: Any, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
    """The mean cross-entropy in nats, as transformers takes it: of fp32 logits."""
    logits_BTV = model(input_ids=tokens_BT).logits.float()
    return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten())


def _nanogpt_module() -> Any:
    """Its model.py; ParamsError when NANOGPT names no checkout."""
    file = Path(os.environ.get(NANOGPT, "")) / "model.py"
    if not os.environ.get(NANOGPT) or not file.is_file():
        raise ParamsError(f"{NANOGPT}: must name a checkout of github.com/karpathy/nanoGPT: {NANOGPT}=folder")
    spec = importlib.util.spec_from_file_location("nanogpt_model", file)
    assert spec is not None, file
    assert spec.loader is not None, file
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module
