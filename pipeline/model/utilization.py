"""How much of the machine a training uses: its arithmetic against what the device can do at most.

Model FLOPs utilization, or MFU, is the share of the device's matrix product speed that a training would need
if it did nothing but the model's own arithmetic ("PaLM: Scaling Language Modeling with Pathways", Chowdhery
et al., 2022, appendix B). The speed is measured here, not read off a data sheet: in the training's number
format, on its device, with its threads.
"""

from __future__ import annotations

import resource
import sys
import time

import torch

from pipeline.model.positions import LearnedPositions
from pipeline.model.runtime import Runtime
from pipeline.model.transformer import Transformer

PROBE_SECONDS = 0.2
_LOOKED_UP = (torch.nn.Embedding, LearnedPositions)
_SIDES = {"cpu": 1024, "cuda": 8192}  # of the square matrices: large enough for full speed


def flops_per_token(model: Transformer) -> float:
    """Floating-point operations of the forward and backward pass for one token: 6 N + 12 L D T.

    N are the weights that are multiplied; L layers of width D attend to T tokens, as many as the context or
    its window holds (appendix B counts no mask).
    """
    config = model.config
    seen = min(config.context_tokens, config.sliding_window_tokens or config.context_tokens)
    return 6.0 * multiplied_weights(model) + 12.0 * config.num_layers * config.width * seen


def multiplied_weights(model: Transformer) -> int:
    """How many weights take part in products: all but those of tables that are only looked up."""
    tables = (module.weight for module in model.modules() if isinstance(module, _LOOKED_UP))
    looked_up = sum(table.numel() for table in tables if table is not model.head_VD)
    return sum(weight.numel() for weight in model.parameters()) - looked_up


@torch.no_grad()
def ceiling_flops_per_second(runtime: Runtime) -> float:
    """The best speed of a large square matrix product that 0.2 s show, over all processes.

    All processes measure at the same time, as they train. Nothing random that others draw from is touched.
    """
    device = runtime.device
    side = _SIDES.get(device.type, _SIDES["cpu"])
    # Random values: equal ones would heat a GPU less and let it run faster than it can in a training.
    values = torch.Generator(device).manual_seed(0)
    left, right = (
        torch.randn((side, side), device=device, generator=values).to(runtime.dtype) for _ in range(2)
    )
    _seconds_of(left[:256, :256], right[:256, :256])  # wakes threads and libraries
    best, started = float("inf"), time.perf_counter()
    while time.perf_counter() - started < PROBE_SECONDS:
        best = min(best, _seconds_of(left, right))
    if device.type == "cuda":  # the training has the memory to itself, and its peak is its own
        del left, right
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    return 2.0 * side**3 / best * runtime.processes


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory so far: of the GPU what tensors took, elsewhere what this process held."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte


def _seconds_of(left: torch.Tensor, right: torch.Tensor) -> float:
    started = time.perf_counter()
    product = left @ right
    if product.device.type == "cuda":
        torch.cuda.synchronize(product.device)
    return max(time.perf_counter() - started, 1e-9)
