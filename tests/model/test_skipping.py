"""A step that is not finite in one process alone is skipped by all of them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.model.batches import BatchOrder
from pipeline.model.checkpoint import Progress
from pipeline.model.gradients import gradients_of
from pipeline.model.optimization import build_optimizers
from pipeline.model.runtime import PROCESSES_VARIABLE, launch, start_runtime
from pipeline.model.sharding import collected, place
from pipeline.model.training import train
from pipeline.model.transformer import Transformer
from tests.model.trainings import PARAMS, blocks, fitted, new_model

pytestmark = pytest.mark.faults
KINDS: tuple[dict[str, Any], ...] = (
    {"gradients": "canonical"},
    {"gradients": "fast"},
    {"gradients": "fast", "sharded": True},
)


def poisoned(step: int, factor: float) -> Transformer:
    """A model whose hidden states are multiplied in the second process's pass of this step (0-based)."""
    model, passes = new_model(), 0

    def poison(module: torch.nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        nonlocal passes
        passes += torch.is_grad_enabled()
        now = torch.is_grad_enabled() and passes == step + 1
        return output * factor if now and os.environ["RANK"] == "1" else output

    model.model.norm.register_forward_hook(poison)
    return model


def skips(folder: Path, factor: float) -> list[tuple[list[bool], bool, bool]]:
    """For each kind of gradients: which of three steps were skipped, whether the second changed a bit of the
    weights or moments, and whether the third left all as it was.
    """
    train_blocks, found = blocks(documents=40, seed=1), []
    for kind in KINDS:
        params = dataclasses.replace(PARAMS, runtime=dataclasses.replace(PARAMS.runtime, **kind))
        runtime = start_runtime(params.runtime)
        model = place(poisoned(1, factor), runtime)
        order = BatchOrder(len(train_blocks), 4, unit_items=2, micro_batch_items=2, seed=1)
        optimizers = build_optimizers(model, params.optimization, dtype=torch.float32)
        gradients = gradients_of(model, train_blocks, order, runtime=runtime)
        steps = train(model, optimizers, gradients, start=Progress(), params=params)
        skipped, states = [], []
        for _ in range(3):
            skipped.append(next(steps).skipped)
            state = collected(dict(model.state_dict())) | collected(optimizers.tensors())
            states.append({name: tensor.clone() for name, tensor in state.items()})
        moved = [
            any(not torch.equal(tensor, before[name]) for name, tensor in after.items())
            for before, after in itertools.pairwise(states)
        ]
        found.append((skipped, runtime.any(moved[0]), runtime.any(not moved[1])))
    counted = fitted(folder, model=poisoned(1, factor)).progress
    assert (counted.skipped_steps, counted.step) == (1, PARAMS.steps)
    return found


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_what_is_not_finite_in_one_process_changes_nothing_in_any(
    factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    found = launch(skips, tmp_path, factor)
    assert found == [([False, True, False], False, False)] * len(KINDS)
