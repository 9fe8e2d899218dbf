"""Blocks of the decoder compiled by torch: fewer passes over memory, for a compilation before the first step.

It is worth it where a training is long, and most on a GPU. Only passes that learn are compiled, all blocks
through one function, so that layers of the same shape share one compilation. There is one for every shape of
a batch, never one for several: torch would choose it by the shapes it has met so far, and a training that
goes on from a checkpoint has met others than one that never stopped.

What is compiled waits on the disk, as source code and libraries, below WORK_ROOT; torch's own caches, which
hold pickled objects, stay off. Torch's compiler takes seconds to import, which other trainings save.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import ParamsError
from pipeline.model.transformer import RunBlock, Transformer, run_block
from pipeline.settings.training import RuntimeParams
from pipeline.stage import WORK_ROOT

_MOST_COMPILATIONS = 1024  # of the function: shapes times layers where layers differ, as under dropout


def arrange_passes(model: Transformer, params: RuntimeParams) -> None:
    """Lets the model's learning passes be compiled, and repeated for their memory, as the params say.

    ParamsError where they shall be compiled and nothing on this machine can.
    """
    decoder = model.model
    decoder.gradient_checkpointing = params.gradient_checkpointing
    if params.compile:
        _prepare(decoder.embed_tokens.weight.device)
        decoder.run_block = _compiled()


def _compiled() -> RunBlock:
    """`run_block`, compiled when it first meets a shape; ParamsError when that fails."""
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import InductorError

    compiled = torch.compile(run_block, dynamic=False, fullgraph=True)

    def run(block: nn.Module, x_BTD: Tensor, layer: int, context: Any) -> Tensor:
        try:
            return compiled(block, x_BTD, layer, context)
        except (TorchDynamoException, InductorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ParamsError(f"runtime.compile: failed ({reason}); set it to false") from error

    return run


def _prepare(device: torch.device) -> None:
    """Settings of torch's compiler for this process; ParamsError when it lacks what it builds with."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((WORK_ROOT / "cache" / "compiled").absolute()))
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no processes that could outlive this one
    import torch._dynamo.config
    import torch._functorch.config
    import torch._inductor.config
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler
    from torch.utils._triton import has_triton

    torch._dynamo.config.recompile_limit = _MOST_COMPILATIONS
    torch._dynamo.config.accumulated_recompile_limit = _MOST_COMPILATIONS
    torch._functorch.config.enable_autograd_cache = False
    torch._inductor.config.fx_graph_cache = False
    if device.type == "cuda" and not has_triton():
        raise ParamsError("runtime.compile: needs Triton, which torch for CUDA brings; set it to false")
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise ParamsError("runtime.compile: needs a C++ compiler; install g++, or set it to false") from error
