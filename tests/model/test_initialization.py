"""The first weights: by scheme, from the seed alone, and the loss they imply."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from pipeline.model.initialization import first_losses, initialize
from pipeline.model.transformer import Transformer
from tests.model.trainings import CONFIG

WIDE = dataclasses.replace(CONFIG, vocab_size=1000, width=128, mlp_width=512, num_heads=4)
LAYER = "model.layers.1"


def weights(initialization: str, *, tied: bool = False) -> dict[str, Tensor]:
    config = dataclasses.replace(
        WIDE, norm="layernorm", tied_embeddings=tied, initialization=initialization, positions="learned"
    )
    model = Transformer(dataclasses.replace(config, rope_theta=None))
    initialize(model, seed=3)
    return {name: weight.detach() for name, weight in model.named_parameters()}


@pytest.mark.parametrize(
    ("initialization", "query", "output", "up", "down", "head", "table"),
    [
        ("zero_output", 128**-0.5, 0.0, 128**-0.5, 0.0, 0.0, 1.0),
        ("normal_002", 0.02, 0.01, 0.02, 0.01, 0.02, 0.02),
        ("xavier", 128**-0.5, 128**-0.5, 320**-0.5, 320**-0.5, (2 / 1128) ** 0.5, 0.02),
        ("kaiming", 128**-0.5, 128**-0.5, 128**-0.5, 256**-0.5, 128**-0.5, 0.02),
    ],
)
def test_a_scheme_gives_each_matrix_its_deviation(
    initialization: str, query: float, output: float, up: float, down: float, head: float, table: float
) -> None:
    found = weights(initialization)
    wanted = {
        f"{LAYER}.self_attn.q_proj.weight": query,
        f"{LAYER}.self_attn.o_proj.weight": output,
        f"{LAYER}.mlp.up_proj.weight": up,
        f"{LAYER}.mlp.down_proj.weight": down,
        "lm_head.weight": head,
        "model.embed_tokens.weight": table,
        "model.embed_positions.weight": table,
    }
    for name, deviation in wanted.items():
        assert float(found[name].std()) == pytest.approx(deviation, rel=0.05), name
    assert torch.equal(found[f"{LAYER}.input_layernorm.weight"], torch.ones(128))


@pytest.mark.parametrize("initialization", ["zero_output", "normal_002", "xavier", "kaiming"])
def test_the_seed_alone_decides_the_first_weights(initialization: str) -> None:
    config = dataclasses.replace(CONFIG, initialization=initialization)
    one, same, other = (Transformer(config) for _ in range(3))
    initialize(one, seed=1)
    torch.rand(5)
    initialize(same, seed=1)
    initialize(other, seed=2)
    pairs = zip(one.parameters(), same.parameters(), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)
    assert not torch.equal(one.model.embed_tokens.weight, other.model.embed_tokens.weight)


def test_a_tied_table_starts_small_in_every_scheme() -> None:
    for initialization, deviation in (("zero_output", 0.01), ("kaiming", 0.02), ("xavier", 0.02)):
        table = weights(initialization, tied=True)["model.embed_tokens.weight"]
        assert float(table.std()) == pytest.approx(deviation, rel=0.05)


def test_a_wide_tied_model_of_the_default_scheme_still_starts_at_a_guess() -> None:
    for width, deviation in ((256, 0.01), (2048, 4 / 2048)):
        config = dataclasses.replace(WIDE, tied_embeddings=True, width=width, vocab_size=8000)
        assert config.embedding_deviation == deviation
        assert first_losses(config)[1] < math.log(8000) * 1.03


def test_the_first_loss_is_bounded_by_what_the_head_starts_with() -> None:
    uniform = math.log(1000)
    assert first_losses(WIDE) == pytest.approx((0.99 * uniform, 1.01 * uniform))
    low, high = first_losses(dataclasses.replace(WIDE, initialization="kaiming"))  # a logit's deviation is 1
    assert (low, high) == pytest.approx((0.99 * uniform - 0.5, 1.01 * uniform + 0.5 + 0.5), abs=1e-3)
    low, high = first_losses(dataclasses.replace(WIDE, tied_embeddings=True))
    assert uniform * 1.01 < high < uniform * 1.03
    wide = dataclasses.replace(WIDE, tied_embeddings=True, width=4096, initialization="normal_002")
    assert first_losses(wide)[1] == pytest.approx(0.02 * 4096 + uniform / 100 + 0.5 * 1.28, abs=1e-3)
