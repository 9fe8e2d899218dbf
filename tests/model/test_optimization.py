"""Optimizers: who updates what, and how fast."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
from pathlib import Path

import pytest
import torch

from pipeline.errors import ParamsError
from pipeline.model.muon import Muon
from pipeline.model.optimization import build_optimizers, clip, weight_groups
from pipeline.model.optimizers import AdamW, Group
from pipeline.model.transformer import Transformer
from pipeline.params import load
from pipeline.settings.training import OptimizationParams, WeightDecayParams
from tests.model.trainings import CONFIG, PARAMS, new_model

OPTIMIZATION = PARAMS.optimization


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_parameter_is_updated_by_one_optimizer(optimizer: str) -> None:
    model = new_model()
    params = dataclasses.replace(OPTIMIZATION, optimizer=optimizer)  # type: ignore[arg-type]
    groups = [
        group
        for part in build_optimizers(model, params, dtype=torch.float32).by_name.values()
        for group in part.groups
    ]
    held = [id(weight) for group in groups for weight in group.weights]
    assert sorted(held) == sorted(id(weight) for weight in model.parameters())
    assert all(weight.ndim == 2 for group in groups if group.weight_decay for weight in group.weights)


@pytest.mark.parametrize("tied", [False, True])
def test_weights_are_grouped_by_what_they_are(tied: bool) -> None:
    model = Transformer(dataclasses.replace(CONFIG, tied_embeddings=tied))
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = {
        group: [names[id(weight)] for weight in weights] for group, weights in weight_groups(model).items()
    }
    table = "model.embed_tokens.weight"
    assert groups["head"] == ([table] if tied else ["lm_head.weight"])
    assert groups["embeddings"] == ([] if tied else [table])
    assert len(groups["matrices"]) == 7 * CONFIG.num_layers
    assert all(name.endswith("norm.weight") for name in groups["norms"])
    assert sum(map(len, groups.values())) == len(names)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_each_group_has_its_own_weight_decay(optimizer: str) -> None:
    model = new_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    decay = WeightDecayParams(matrices=0.1, embeddings=0.2, head=0.3, norms=0.4)
    params = dataclasses.replace(OPTIMIZATION, optimizer=optimizer, weight_decay=decay)  # type: ignore[arg-type]
    optimizers = build_optimizers(model, params, dtype=torch.float32)
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizers.step(1.0)
    peak = params.muon_learning_rate if optimizer == "muon" else params.adamw_learning_rate
    shrunk = {
        "model.layers.1.mlp.up_proj.weight": 1 - peak * decay.matrices,
        "model.embed_tokens.weight": 1 - params.embedding_learning_rate * decay.embeddings,
        "lm_head.weight": 1 - params.adamw_learning_rate * decay.head,
        "model.layers.0.self_attn.q_norm.weight": 1 - params.adamw_learning_rate * decay.norms,
    }
    for name, factor in shrunk.items():
        torch.testing.assert_close(model.state_dict()[name], before[name] * factor)


def test_momentum_betas_and_epsilon_reach_the_optimizers() -> None:
    params = dataclasses.replace(
        OPTIMIZATION, muon_momentum=0.7, adamw_beta1=0.6, adamw_beta2=0.8, adamw_epsilon=1e-5
    )
    by_name = build_optimizers(new_model(), params, dtype=torch.float32).by_name
    adamw, muon = by_name["adamw"], by_name["muon"]
    assert isinstance(adamw, AdamW)
    assert (adamw.betas, adamw.epsilon) == ((0.6, 0.8), 1e-5)
    assert isinstance(muon, Muon)
    assert muon.momentum == 0.7


def test_muon_updates_the_matrices_of_the_blocks_alone() -> None:
    model = new_model()
    muon = build_optimizers(model, OPTIMIZATION, dtype=torch.float32).by_name["muon"]
    held = {id(weight) for weight in muon.weights}
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


def test_adamw_updates_as_torch_s_does_bit_by_bit() -> None:
    first, second = new_model(), new_model()
    settings = {"betas": (0.8, 0.95), "weight_decay": 0.1}
    ours = AdamW([Group(list(first.parameters()), 0.02, 0.1)], betas=(0.8, 0.95), epsilon=1e-8)
    theirs = torch.optim.AdamW(second.parameters(), lr=0.01, fused=True, **settings)  # type: ignore[arg-type]
    for step in range(3):
        push(first, step)
        push(second, step)
        ours.step(0.5)
        theirs.step()
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


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("muon_momentum", 1.0, "a number, 0 to 0.9999"),
        ("adamw_beta1", -0.1, "a number, 0 to 0.9999"),
        ("adamw_beta2", 1.0, "a number, 0 to 0.99999"),
        ("adamw_epsilon", 0.0, "a number, 1e-12 to 0.1"),
        ("label_smoothing", 1.0, "a number, 0 to 0.9"),
        ("z_loss", -1.0, "a number, 0 to 1"),
        ("ema_decay", 1.0, "a number, 0 to 0.999999, or null"),
        ("weight_decay.matrices", 1.5, "a number, 0 to 1"),
        ("weight_decay.embeddings", -1.0, "a number, 0 to 1"),
        ("weight_decay.head", 2.0, "a number, 0 to 1"),
        ("weight_decay.norms", 1.1, "a number, 0 to 1"),
        ("schedule.kind", "sine", "one of cosine, linear, wsd, polynomial, inverse_sqrt, step, constant"),
        ("schedule.warmup_share", 1.5, "a number, 0 to 1"),
        ("schedule.final_share", -0.1, "a number, 0 to 1"),
        ("schedule.decay_share", 2.0, "a number, 0 to 1"),
        ("schedule.power", 0.0, "a number, 0.1 to 10"),
        ("schedule.step_every_share", 0.0, "a number, 0.001 to 1"),
        ("schedule.step_factor", 1.1, "a number, 0 to 1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_what_is_allowed(
    key: str, value: object, allowed: str, tmp_path: Path
) -> None:
    values = dataclasses.asdict(OPTIMIZATION)
    *sections, last = key.split(".")
    functools.reduce(dict.__getitem__, sections, values)[last] = value
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps({"optimization": values}, indent=1), encoding="utf-8")
    said = re.escape(f"optimization.{key}: is {value!r}; must be {allowed}")
    with pytest.raises(ParamsError, match=said):
        load(path, {"optimization": OptimizationParams})
