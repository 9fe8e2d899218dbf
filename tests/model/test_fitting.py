"""A whole training: stopped and resumed it ends with the same bits, and its gates hold."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from pipeline.errors import BusyError, NumericsError
from pipeline.model.checkpoint import latest_checkpoint
from pipeline.model.fitting import Fitted
from pipeline.model.transformer import Transformer
from tests.model.trainings import PARAMS, fitted, new_model


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fitted, Path]:
    """A training that nobody stopped, and its checkpoints."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return fitted(folder), folder


def stopping_at(step: int, number: signal.Signals) -> Transformer:
    """A model that has its process receive the signal in the first backward pass of this step (0-based)."""
    model, passes = new_model(), 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += 1
        if passes == 2 * step + 1:  # two micro-batches a step
            os.kill(os.getpid(), number)

    model.lm_head.weight.register_hook(count)
    return model


def assert_same(one: Fitted, other: Fitted, folders: tuple[Path, Path]) -> None:
    assert one.progress == other.progress
    assert all(torch.equal(tensor, other.best[name]) for name, tensor in one.best.items())
    run = str(dataclasses.astuple(PARAMS))
    first, second = (latest_checkpoint(folder, run=run) for folder in folders)
    assert first is not None
    assert second is not None
    for name in ("weights", "moments"):
        ours, theirs = getattr(first, name), getattr(second, name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize(
    ("step", "number"),
    [(0, signal.SIGTERM), (3, signal.SIGINT), (4, signal.SIGTERM), (9, signal.SIGINT), (11, signal.SIGTERM)],
)
def test_a_stopped_training_resumes_and_ends_with_the_same_bits(
    step: int, number: signal.Signals, undisturbed: tuple[Fitted, Path], tmp_path: Path
) -> None:
    with pytest.raises(BusyError, match=f"stopped after step {step + 1} of 12; run it again"):
        fitted(tmp_path, model=stopping_at(step, number))
    assert_same(fitted(tmp_path), undisturbed[0], (tmp_path, undisturbed[1]))


def test_a_training_killed_after_any_checkpoint_ends_with_the_same_bits(
    undisturbed: tuple[Fitted, Path], tmp_path: Path
) -> None:
    for kept in sorted(undisturbed[1].glob("step-*")):
        folder = tmp_path / kept.name
        shutil.copytree(kept, folder / kept.name)
        assert_same(fitted(folder), undisturbed[0], (folder, undisturbed[1]))


def test_a_finished_training_is_not_done_again(undisturbed: tuple[Fitted, Path]) -> None:
    again = fitted(undisturbed[1], model=stopping_at(0, signal.SIGTERM))
    assert again.progress == undisturbed[0].progress


def test_it_is_evaluated_where_due_and_at_the_end(undisturbed: tuple[Fitted, Path]) -> None:
    progress = undisturbed[0].progress
    measured = {point.step: point.val_loss for point in progress.curve if point.val_loss is not None}
    assert list(measured) == [5, 10, 12]
    assert progress.best_val_loss == min(measured.values()) == measured[progress.best_step or 0]
    assert progress.tokens == progress.curve[-1].tokens


def test_the_gates_are_measured(undisturbed: tuple[Fitted, Path]) -> None:
    gates = undisturbed[0].gates
    assert gates.first_loss_distance is not None
    assert gates.first_loss_distance < 0.01
    assert gates.causality_leak == 0.0


def test_a_model_that_starts_certain_of_itself_is_refused(tmp_path: Path) -> None:
    model = new_model()
    torch.nn.init.normal_(model.lm_head.weight, generator=torch.Generator().manual_seed(1))
    with pytest.raises(NumericsError, match=r"the untrained model's loss is .*, not ln\(40\) = 3\.6889"):
        fitted(tmp_path, model=model)


def test_a_validation_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    model = new_model()
    model.model.norm.register_forward_hook(
        lambda module, inputs, output: output * (1.0 if torch.is_grad_enabled() else math.nan)
    )
    with pytest.raises(NumericsError, match=r"validation loss after step 5 is nan|logits move by nan"):
        fitted(tmp_path, model=model)


def test_in_bf16_a_training_learns_too_and_keeps_its_weights_in_fp32(tmp_path: Path) -> None:
    params = dataclasses.replace(
        PARAMS, steps=40, runtime=dataclasses.replace(PARAMS.runtime, precision="bf16")
    )
    model = new_model()
    found = fitted(tmp_path, params=params, model=model)
    losses = [point.loss for point in found.progress.curve]
    assert found.weather.precision == "bf16"
    assert all(loss is not None and math.isfinite(loss) for loss in losses)
    assert losses[-1] is not None
    assert losses[-1] < 0.8 * math.log(40)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
