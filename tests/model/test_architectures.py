"""Every choice of an architecture: causal, the same with and without a cache, and it learns."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.model.batches import BatchOrder
from pipeline.model.checkpoint import Progress
from pipeline.model.config import ModelConfig
from pipeline.model.gates import check_causality, check_first_loss, shaken
from pipeline.model.gradients import gradients_of
from pipeline.model.losses import summed_cross_entropy
from pipeline.model.mlps import PlainMLP
from pipeline.model.norms import LayerNorm
from pipeline.model.optimization import build_optimizers
from pipeline.model.positions import sinusoids
from pipeline.model.training import train
from pipeline.model.transformer import KeyValueCache, Transformer
from tests.model.architectures import CHOICES, FIRST_TRANSFORMER, GPT2, config_of
from tests.model.trainings import CONFIG, PARAMS, VOCAB_SIZE, blocks, new_model, runtime

every_choice = pytest.mark.parametrize("choice", CHOICES)


def random_model(config: ModelConfig) -> Transformer:
    return shaken(Transformer(config)).eval()


def random_tokens(*shape: int, vocab_size: int = VOCAB_SIZE) -> Tensor:
    return torch.randint(vocab_size, shape, generator=torch.Generator().manual_seed(2))


@every_choice
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_choice_trains_and_starts_where_its_initialization_says(choice: str, precision: Any) -> None:
    model, data = new_model(config_of(choice)), blocks(documents=40, seed=1)
    params = dataclasses.replace(
        PARAMS, steps=6, runtime=dataclasses.replace(PARAMS.runtime, precision=precision)
    )
    here = runtime(params.runtime)

    order = BatchOrder(len(data), 8, unit_items=8, micro_batch_items=8, seed=1)
    gradients = gradients_of(model, data, order, runtime=here)
    optimizers = build_optimizers(model, params.optimization, dtype=here.dtype)
    records = list(train(model, optimizers, gradients, start=Progress(), params=params))
    check_first_loss(records[0].loss, model.config)
    assert not any(record.skipped for record in records)
    assert records[-1].loss < records[0].loss
    assert all(weight.requires_grad for weight in model.parameters())


@every_choice
def test_past_logits_never_move_when_future_tokens_change(choice: str) -> None:
    model, tokens_BT = random_model(config_of(choice)), random_tokens(1, 16)
    assert check_causality(model) == 0.0
    with torch.no_grad():
        before_BTV = model(tokens_BT)
        for position in range(1, 16):
            changed_BT = tokens_BT.clone()
            changed_BT[:, position] = (changed_BT[:, position] + 1) % VOCAB_SIZE
            after_BTV = model(changed_BT)
            assert torch.equal(after_BTV[:, :position], before_BTV[:, :position])
            assert not torch.equal(after_BTV[:, position:], before_BTV[:, position:])


@every_choice
@pytest.mark.parametrize("pieces", [[16], [7, 9], [5, 1, 1, 9], [1] * 16])
def test_a_cache_gives_the_logits_of_the_whole_sequence(choice: str, pieces: list[int]) -> None:
    model, tokens_BT = random_model(config_of(choice)), random_tokens(2, 16)
    cache = KeyValueCache(model.config, batch=2)
    with torch.no_grad():
        parts = [model.logits(model.hidden(part, cache=cache)) for part in tokens_BT.split(pieces, dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens_BT), rtol=1e-4, atol=1e-5)


def test_attention_crosses_documents_only_when_it_may() -> None:
    tokens_BT, documents_BT = random_tokens(1, 12), torch.tensor([[0] * 5 + [1] * 7])
    for crosses in (False, True):
        model = random_model(dataclasses.replace(CONFIG, document_attention=not crosses))
        with torch.no_grad():
            assert torch.equal(model(tokens_BT, documents_BT), model(tokens_BT)) is crosses


@pytest.mark.parametrize("window", [1, 3, 16])
def test_a_token_sees_a_window_of_so_many_tokens(window: int) -> None:
    model = random_model(dataclasses.replace(CONFIG, num_layers=1, sliding_window_tokens=window))
    tokens_BT = random_tokens(1, 16)
    with torch.no_grad():
        last_V = model(tokens_BT)[0, -1]
        for back in range(1, 16):
            changed_BT = tokens_BT.clone()
            changed_BT[0, 15 - back] = (changed_BT[0, 15 - back] + 1) % VOCAB_SIZE
            assert torch.equal(model(changed_BT)[0, -1], last_V) is (back >= window)


def test_gpt2_and_the_first_transformer_are_those_of_torch() -> None:
    for changes, activation, first in ((GPT2, "gelu", True), (FIRST_TRANSFORMER, "relu", False)):
        config = dataclasses.replace(CONFIG, num_kv_heads=2, **changes)
        model, tokens_BT = random_model(config), random_tokens(2, 16)
        seen_TT = torch.full((16, 16), -torch.inf).triu(1)
        with torch.no_grad():
            x_BTD = model.model.embed_positions(model.model.embed_tokens(tokens_BT), 0)
            for block in model.model.layers:
                x_BTD = torch_layer(block, config, activation, first)(x_BTD, src_mask=seen_TT)
            wanted_BTV = model.logits(model.model.norm(x_BTD))
            torch.testing.assert_close(model(tokens_BT), wanted_BTV, rtol=1e-4, atol=1e-5)


def torch_layer(block: Any, config: ModelConfig, activation: str, first: bool) -> torch.nn.Module:
    """nn.TransformerEncoderLayer with the weights of our block; its biases are zero."""
    layer = torch.nn.TransformerEncoderLayer(
        config.width,
        config.num_heads,
        config.mlp_width,
        dropout=0.0,
        activation=activation,
        layer_norm_eps=config.norm_epsilon,
        batch_first=True,
        norm_first=first,
    )
    norms = ("input_layernorm", "post_attention_layernorm")
    if not first:
        norms = ("post_attention_layernorm", "post_feedforward_layernorm")
    ours, attention = block.state_dict(), layer.self_attn
    for part in (layer.norm1, layer.norm2, attention.out_proj, layer.linear1, layer.linear2):
        torch.nn.init.zeros_(part.bias)
    torch.nn.init.zeros_(attention.in_proj_bias)
    attention.in_proj_weight.data = torch.cat([ours[f"self_attn.{part}_proj.weight"] for part in "qkv"])
    attention.out_proj.weight.data = ours["self_attn.o_proj.weight"]
    layer.linear1.weight.data, layer.linear2.weight.data = (
        ours["mlp.up_proj.weight"],
        ours["mlp.down_proj.weight"],
    )
    for name, norm in zip(norms, (layer.norm1, layer.norm2), strict=True):
        norm.weight.data = ours[f"{name}.weight"]
    return layer.train()  # in evaluation torch takes another path


def test_the_layer_norm_is_that_of_torch_in_the_dtype_it_is_given() -> None:
    ours, theirs = LayerNorm(8, epsilon=1e-3), torch.nn.LayerNorm(8, eps=1e-3, bias=False)
    x = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(1)) * 3 + 1
    for norm in (ours, theirs):
        norm.weight.data = torch.arange(8.0)
    assert torch.equal(ours(x), theirs(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert (ours(x).dtype, ours(x.bfloat16()).dtype) == (torch.float32, torch.bfloat16)


def test_the_sinusoids_are_those_of_the_formula() -> None:
    waves_TD = sinusoids(3, 7, width=6, device=torch.device("cpu"))
    for row, position in enumerate(range(3, 7)):
        for pair in range(3):
            angle = position / 10000 ** (2 * pair / 6)
            assert waves_TD[row, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert waves_TD[row, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_the_plain_mlps_are_those_of_their_formulas() -> None:
    formulas = {
        "relu": lambda x: x * (x > 0),
        "relu2": lambda x: x * x * (x > 0),
        "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    }
    for name, formula in formulas.items():
        mlp = PlainMLP(dataclasses.replace(CONFIG, mlp=name))
        x_TD = torch.randn(5, CONFIG.width, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            wanted_TD = formula(x_TD @ mlp.up_proj.weight.T) @ mlp.down_proj.weight.T
            torch.testing.assert_close(mlp(x_TD), wanted_TD)


@every_choice
def test_the_loss_of_a_new_model_of_real_size_is_within_what_its_initialization_implies(choice: str) -> None:
    heads = {"num_heads": 4, "num_kv_heads": 4, "width": 260 if choice == "odd head width" else 256}
    config = config_of(choice, vocab_size=4096, mlp_width=512, context_tokens=64)
    config = dataclasses.replace(config, **heads)
    for seed in range(3):
        model = new_model(config, seed=seed)
        tokens_BT = random_tokens(4, 65, vocab_size=4096)
        with torch.no_grad():
            hidden_BTD = model.hidden(tokens_BT[:, :-1])
            loss = summed_cross_entropy(hidden_BTD, model.head_VD, tokens_BT[:, 1:].contiguous()) / 256
        check_first_loss(loss.item(), config)
