"""What the other stages take: as here last time, else as in the reference, scaled where a model works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError
from pipeline.model.durations import REFERENCE, START_SECONDS, durations

SPEED = float(REFERENCE["pretrain"]["evaluation_tokens_per_second"])


def write(folder: Path, stage: str, **record: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{stage}.json").write_text(json.dumps(record))


def test_without_timings_the_reference_counts_scaled_where_a_model_is_at_work(tmp_path: Path) -> None:
    same = durations(tmp_path / "absent", evaluation_tokens_per_second=SPEED)
    slower = durations(tmp_path / "absent", evaluation_tokens_per_second=SPEED / 2)
    assert same.measured == frozenset()
    assert same.model == pytest.approx(1.2 + 2.5 + 6.7 + 6.7 + 5.1 + 4.5)
    assert same.text == slower.text == pytest.approx(1.4 + 20.5 + 3.3 + 3.0 + 7.5 + 3.4 + 2.2 + 0.7)
    assert slower.model == pytest.approx(2 * same.model)
    assert slower.finetune_evaluation == pytest.approx(2 * same.finetune_evaluation)
    assert same.around_pretrain == pytest.approx(131.3 - 124.7 - 4.7 - 1.3)
    assert same.starting == START_SECONDS * 26
    stages = (*same.text_stages, *same.model_stages, "pretrain", "finetune")
    assert sorted(stages) == sorted(REFERENCE)


def test_what_ran_here_counts_as_it_ran_and_is_scaled_by_the_speed_of_then(tmp_path: Path) -> None:
    write(tmp_path, "pack", seconds=40.0)
    write(tmp_path, "evaluate@base", seconds=10.0)
    write(tmp_path, "fit", parts=[])
    assert durations(tmp_path, evaluation_tokens_per_second=SPEED / 2).model == pytest.approx(
        10.0 + 2 * (1.2 + 2.5 + 6.7 + 5.1 + 4.5)
    )
    training = {"training_seconds": 60.0, "evaluation_seconds": 8.0, "checkpoint_seconds": 1.0}
    speed = {"evaluations": 2, "evaluation_tokens_per_second": 2 * SPEED}
    write(tmp_path, "pretrain", seconds=70.5, **training, **speed)
    found = durations(tmp_path, evaluation_tokens_per_second=SPEED)
    assert found.measured == {"pack", "evaluate@base", "pretrain"}
    assert found.text == pytest.approx(1.4 + 20.5 + 3.3 + 3.0 + 7.5 + 3.4 + 40.0 + 0.7)
    assert found.model == pytest.approx(2 * 10.0 + 1.2 + 2.5 + 6.7 + 5.1 + 4.5)
    assert found.around_pretrain == pytest.approx(1.5)


def test_a_training_that_evaluated_nothing_tells_nothing(tmp_path: Path) -> None:
    write(tmp_path, "pretrain", seconds=1.0, evaluations=0, evaluation_tokens_per_second=0.0)
    write(tmp_path, "finetune", seconds=1.0)
    assert durations(tmp_path, evaluation_tokens_per_second=SPEED).measured == frozenset()


def test_a_file_that_is_no_timings_is_named(tmp_path: Path) -> None:
    write(tmp_path, "pack", seconds="many")
    with pytest.raises(IntegrityError, match=r"pack\.json: not the timings of a stage"):
        durations(tmp_path, evaluation_tokens_per_second=SPEED)
