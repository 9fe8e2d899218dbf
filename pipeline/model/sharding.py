"""Models too large for one GPU: every process holds a part of each weight, gradient and moment.

torch's FSDP2 (`fully_shard`; Zhao et al., arXiv:2304.11277) splits every weight by its first dimension. A
block's weights are put together shortly before it computes and dropped afterwards. Its gradients are added up
over the processes as soon as they are there, and each process keeps its part of the sum. Elementwise
arithmetic (AdamW, averages) works on the parts alone. Who needs a whole tensor gets it here; all processes
must ask.

Torch's own modules are imported where they are used: they take a second, which unsharded trainings save.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipeline.model.runtime import Runtime
from pipeline.model.transformer import Transformer


def place(model: Transformer, runtime: Runtime) -> Transformer:
    """The model itself on the runtime's device; in a sharded runtime, this process's part of it.

    Every process starts from its own copy of the same weights, in host memory, and a GPU from one block at a
    time. Embeddings, last norm and head stay whole from a pass through `hidden` until its backward pass or
    `release`.
    """
    if not runtime.sharded:
        return model.to(runtime.device)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(runtime.device.type, (runtime.processes,))
    for block in model.model.layers:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    register_fsdp_forward_method(model, "hidden")
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # a sum: the objective is divided by the targets already
            module.set_force_sum_reduction_for_comms(True)  # gloo has no other way to that sum
    return model


def release(model: Transformer) -> None:
    """Leaves every process with its parts alone, after passes without a backward one."""
    reshard = getattr(model, "reshard", None)
    if reshard is not None:
        reshard()


def is_sharded(tensor: Tensor) -> bool:
    """Whether this process holds a part of the tensor alone."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Tensor) -> Tensor:
    """All of the tensor, put together from the processes' parts; one without parts as it is."""
    sharded: Any = tensor
    full: Tensor = sharded.full_tensor() if is_sharded(tensor) else tensor
    return full


def collected(tensors: dict[str, Tensor], *, keep: bool = True) -> dict[str, Tensor]:
    """The whole tensors in host memory, put together one at a time; none where they are not kept."""
    found = {}
    for name, tensor in tensors.items():
        full = whole(tensor.detach())
        if keep:
            found[name] = full.cpu()
    return found


def parted(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor, a copy that is split as `like` is; itself when that is whole."""
    if not is_sharded(like) or tensor.shape != like.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    sharded: Any = like
    on_device = tensor.to(like.device, like.dtype)
    return distribute_tensor(on_device, sharded.device_mesh, sharded.placements, src_data_rank=None)


@torch.no_grad()
def fill(model: Transformer, weights: dict[str, Tensor]) -> None:
    """Sets the model's weights, sharded or not, to these whole ones, by their names."""
    release(model)
    own = model.state_dict()
    model.load_state_dict({name: parted(value, own[name]) for name, value in weights.items()})
