"""Models of the same proportions, and the one that suits an amount of arithmetic."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.model.config import ModelConfig
from pipeline.model.scaling import TOKENS_PER_WEIGHT, best_size, proportional, sized
from pipeline.model.utilization import flops_per_token
from tests.model.trainings import CONFIG, new_model

WIDE = dataclasses.replace(
    CONFIG, width=256, num_heads=4, num_kv_heads=2, num_layers=3, mlp_width=704, vocab_size=4096
)


def test_every_model_of_the_ladder_is_a_model_and_the_given_one_is_among_them() -> None:
    ladder = list(proportional(WIDE))
    assert WIDE in ladder
    for config in ladder:
        assert list(config.problems()) == []
        assert config.head_width == WIDE.head_width
    assert [config.width for config in ladder] == sorted({config.width for config in ladder})


def test_a_size_costs_what_the_model_does() -> None:
    assert sized(CONFIG).flops_per_token == flops_per_token(new_model())


@pytest.mark.parametrize("flops", [1e11, 3e13, 1e16])
def test_the_best_size_is_the_largest_that_sees_enough_tokens(flops: float) -> None:
    def tokens_per_weight(config: ModelConfig) -> float:
        found = sized(config)
        return flops / found.flops_per_token / found.weights

    best = best_size(WIDE, flops=flops).config
    ladder = list(proportional(WIDE))
    place = ladder.index(best)
    assert place == 0 or tokens_per_weight(best) >= TOKENS_PER_WEIGHT
    assert tokens_per_weight(ladder[place + 1]) < TOKENS_PER_WEIGHT
