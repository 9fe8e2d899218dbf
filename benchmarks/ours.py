"""This project's own training, as the `pretrain` stage runs it, at shapes that a benchmark names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from benchmarks.bench import PARAMS_FILE
from benchmarks.peers import Shape
from pipeline.model.batches import TokenBlocks
from pipeline.model.checkpoint import Progress
from pipeline.model.compiling import arrange_passes
from pipeline.model.gradients import gradients_of
from pipeline.model.losses import Regularization
from pipeline.model.optimization import build_optimizers
from pipeline.model.runtime import Runtime
from pipeline.model.training import StepRecord, train
from pipeline.model.transformer import Transformer
from pipeline.params import load
from pipeline.settings.pretrain import PretrainParams
from pipeline.settings.sections import SECTIONS
from stages.pretrain import block_order


def shaped(params: PretrainParams, shape: Shape, *, steps: int) -> PretrainParams:
    """The same training for a model of this shape with batches of its size, in passes of as many tokens."""
    model = dataclasses.replace(
        params.model,
        num_layers=shape.layers,
        width=shape.width,
        num_heads=shape.heads,
        num_kv_heads=shape.heads,
        mlp_width=shape.gated_width,
    )
    unit_tokens = params.unit_blocks * load(PARAMS_FILE, SECTIONS)["pack"].block_tokens
    unit = max(1, min(shape.batch, unit_tokens // shape.context))
    sizes = {"batch_blocks": shape.batch, "unit_blocks": unit, "micro_batch_blocks": unit}
    return dataclasses.replace(params, model=model, steps=steps, **sizes)


def training(
    model: Transformer, blocks: TokenBlocks, params: PretrainParams, runtime: Runtime
) -> Iterator[StepRecord]:
    """The updates of the model, which moves to the runtime's device, on the blocks: one for each record that
    is asked for.
    """
    arrange_passes(model.to(runtime.device), params.runtime)
    optimization = params.optimization
    added = Regularization(optimization.label_smoothing, optimization.z_loss)
    gradients = gradients_of(
        model, blocks, block_order(blocks, params), runtime=runtime, regularization=added
    )
    optimizers = build_optimizers(model, optimization, dtype=runtime.dtype)
    return train(model, optimizers, gradients, start=Progress(), params=params)
