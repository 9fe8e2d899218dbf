"""Optimizers and schedules: who updates what, and how fast at which step."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from pipeline.model.optimization import build_optimizers, clip, learning_rate_share
from pipeline.model.transformer import Transformer
from tests.model.trainings import PARAMS, new_model

OPTIMIZATION = PARAMS.optimization


def shares(schedule: str, *, steps: int = 100, **changes: object) -> list[float]:
    params = dataclasses.replace(OPTIMIZATION, schedule=schedule, **changes)  # type: ignore[arg-type]
    return [learning_rate_share(step, steps=steps, params=params) for step in range(steps)]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "wsd"])
def test_rates_rise_to_the_peak_and_fall_to_the_final_share(schedule: str) -> None:
    found = shares(schedule, warmup_share=0.1, final_learning_rate_share=0.05)
    assert found[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert max(found) == 1.0
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[-1] == pytest.approx(0.05)


def test_wsd_stays_at_the_peak_until_its_last_part() -> None:
    found = shares("wsd", warmup_share=0.0, final_learning_rate_share=0.0)
    assert set(found[:60]) == {1.0}
    assert found[60] < 1.0


def test_a_constant_rate_stays() -> None:
    assert set(shares("constant", warmup_share=0.0)) == {1.0}


@pytest.mark.parametrize("schedule", ["cosine", "linear", "wsd", "constant"])
@pytest.mark.parametrize("warmup_share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_every_share_of_short_trainings_is_between_0_and_1(
    schedule: str, warmup_share: float, steps: int
) -> None:
    found = shares(schedule, steps=steps, warmup_share=warmup_share)
    assert all(0.0 <= share <= 1.0 and math.isfinite(share) for share in found)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_parameter_is_updated_by_one_optimizer(optimizer: str) -> None:
    model = new_model()
    params = dataclasses.replace(OPTIMIZATION, optimizer=optimizer)  # type: ignore[arg-type]
    groups = [
        group
        for part in build_optimizers(model, params, dtype=torch.float32).by_name.values()
        for group in part.param_groups
    ]
    held = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(held) == sorted(id(weight) for weight in model.parameters())
    assert all(weight.ndim == 2 for group in groups if group["weight_decay"] for weight in group["params"])


def test_muon_updates_the_matrices_of_the_blocks_alone() -> None:
    model = new_model()
    muon = build_optimizers(model, OPTIMIZATION, dtype=torch.float32).by_name["muon"]
    held = {id(weight) for weight in muon.param_groups[0]["params"]}
    names = {name for name, weight in model.named_parameters() if id(weight) in held}
    assert "model.layers.0.mlp.up_proj.weight" in names
    assert not names & {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"}


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_restored_moments_continue_bit_by_bit(optimizer: str) -> None:
    params = dataclasses.replace(OPTIMIZATION, optimizer=optimizer)  # type: ignore[arg-type]
    first, second = new_model(), new_model()
    ours, theirs = (
        build_optimizers(first, params, dtype=torch.float32),
        build_optimizers(second, params, dtype=torch.float32),
    )
    for step in range(4):
        push(first, step)
        ours.step(0.5)
    second.load_state_dict(first.state_dict())
    theirs.restore({name: value.clone() for name, value in ours.tensors().items()})
    for model, optimizers in ((first, ours), (second, theirs)):
        push(model, 9)
        optimizers.step(0.25)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def push(model: Transformer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)


def test_clipping_bounds_the_norm_and_leaves_small_gradients() -> None:
    large, small = [torch.full((4,), 3.0), torch.full((9,), 2.0)], [torch.full((4,), 0.1)]
    assert clip(iter(large), max_norm=1.0) == pytest.approx(72**0.5)
    assert math.hypot(*(float(part.norm()) for part in large)) == pytest.approx(1.0)
    assert clip(iter(small), max_norm=1.0) == pytest.approx(0.2)
    assert small[0].tolist() == pytest.approx([0.1] * 4)
    assert math.isnan(clip(iter([torch.tensor([math.nan])]), max_norm=1.0))
