"""What a training says of its speed: its arithmetic, the device's, and how the time was spent."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from pipeline.model.clock import Clock
from pipeline.model.utilization import ceiling_flops_per_second, flops_per_token, peak_memory_bytes
from tests.model.trainings import CONFIG, PARAMS, VOCAB_SIZE, fitted, new_model, runtime

ATTENTION = 32 * 32 + 32 * 16 * 2 + 32 * 32  # queries, keys and values of one head for two, output
BLOCK = ATTENTION + 3 * 32 * 64 + 2 * 32 + 2 * 16  # the MLP's matrices, two norms, QK-norms
MULTIPLIED = 2 * BLOCK + 32 + VOCAB_SIZE * 32  # blocks, last norm, head


@pytest.mark.parametrize("positions", ["rope", "learned"])
def test_a_tokens_arithmetic_is_that_of_the_palm_paper_without_tables_that_are_looked_up(
    positions: str,
) -> None:
    theta = 10000.0 if positions == "rope" else None
    config = dataclasses.replace(CONFIG, positions=positions, rope_theta=theta)
    assert flops_per_token(new_model(config)) == 6 * MULTIPLIED + 12 * 2 * 32 * 16


def test_a_tied_table_is_multiplied_once_and_a_window_shortens_attention() -> None:
    config = dataclasses.replace(CONFIG, tied_embeddings=True, sliding_window_tokens=4)
    assert flops_per_token(new_model(config)) == 6 * MULTIPLIED + 12 * 2 * 32 * 4


def test_the_ceiling_and_the_memory_are_those_of_a_computer() -> None:
    assert 1e8 < ceiling_flops_per_second(runtime()) < 1e15
    assert 1e7 < peak_memory_bytes(runtime().device) < 1e12


def test_the_live_line_says_loss_speed_share_and_memory() -> None:
    clock = Clock(new_model(), runtime())
    clock.step_done(tokens=60, positions=64)
    said = re.fullmatch(
        r"loss 3\.688, ([\d,]+) tokens/s, (\d+)% of the matrix speed, \d+\.\d\d GB", clock.note(3.688)
    )
    assert said is not None
    assert int(said[1].replace(",", "")) > 0


def test_the_weather_accounts_for_the_time_and_the_steps(tmp_path: Path) -> None:
    weather = fitted(tmp_path).weather
    assert weather.steps == PARAMS.steps
    assert weather.evaluations == 3
    parts = (weather.training_seconds, weather.evaluation_seconds, weather.checkpoint_seconds)
    assert min(parts) > 0
    assert weather.evaluation_share == pytest.approx(
        (1 - weather.gate_share) * weather.evaluation_seconds / sum(parts)
    )
    assert 0 < weather.gate_share < 1
    positions = PARAMS.steps * PARAMS.batch_blocks * CONFIG.context_tokens
    speed = positions * weather.model_flops_per_token / weather.training_seconds
    assert weather.share_of_ceiling == pytest.approx(speed / weather.ceiling_flops_per_second)
    assert 0 < weather.share_of_ceiling < 1
    assert weather.tokens_per_second * weather.training_seconds <= positions


def test_a_finished_training_that_is_run_again_has_nothing_to_account_for(tmp_path: Path) -> None:
    fitted(tmp_path)
    again = fitted(tmp_path).weather
    assert (again.steps, again.evaluations, again.tokens_per_second) == (0, 0, 0.0)
