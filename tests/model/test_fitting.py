"""A whole training: stopped and resumed it ends with the same bits, and its gates hold."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import signal
from pathlib import Path
from typing import Literal

import pytest
import torch

from pipeline.errors import BusyError, NumericsError
from pipeline.model.batches import in_order
from pipeline.model.checkpoint import latest_checkpoint
from pipeline.model.fitting import Fitted
from pipeline.model.runtime import PROCESSES_VARIABLE, launch
from pipeline.model.training import summed_loss
from pipeline.model.transformer import Transformer
from pipeline.settings.pretrain import PretrainParams
from tests.model.trainings import PARAMS, blocks, fitted, new_model, runtime


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fitted, Path]:
    """A training that nobody stopped, and its checkpoints."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return fitted(folder), folder


def stopping_at(step: int, number: signal.Signals, *, done: int = 0) -> Transformer:
    """A model that has its process receive the signal in the first backward pass of this step (0-based), when
    so many steps are done already.
    """
    model, passes = new_model(), 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += 1
        if passes == 2 * (step - done) + 1:  # two micro-batches a step
            os.kill(os.getpid(), number)

    model.lm_head.weight.register_hook(count)
    return model


def assert_same(
    one: Fitted, other: Fitted, folders: tuple[Path, Path], *, params: PretrainParams = PARAMS
) -> None:
    assert one.progress == other.progress
    assert all(torch.equal(tensor, other.best[name]) for name, tensor in one.best.items())
    run = str(dataclasses.astuple(params))
    first, second = (latest_checkpoint(folder, run=run) for folder in folders)
    assert first is not None
    assert second is not None
    for name in ("weights", "moments", "average"):
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


def stopped_in_evaluation(folder: Path) -> int:
    """How many batches this process measures when the first process is asked to stop in its first one."""
    model, learned, measured = new_model(), 0, 0

    def count(*_: object) -> None:
        nonlocal learned, measured
        learned += torch.is_grad_enabled()
        measured += bool(learned) and not torch.is_grad_enabled()
        if measured == 1 and os.environ.get("RANK", "0") == "0":
            os.kill(os.getpid(), signal.SIGTERM)

    model.model.register_forward_pre_hook(count)
    with pytest.raises(BusyError, match="stopped after step 5 of 12"):
        fitted(folder, model=model)
    return measured


def test_an_evaluation_that_is_stopped_is_done_again(
    undisturbed: tuple[Fitted, Path], tmp_path: Path
) -> None:
    assert stopped_in_evaluation(tmp_path) == 1
    found = latest_checkpoint(tmp_path, run=str(dataclasses.astuple(PARAMS)))
    assert found is not None
    assert (found.progress.step, found.progress.best_step) == (5, None)
    assert_same(fitted(tmp_path), undisturbed[0], (tmp_path, undisturbed[1]))


@pytest.mark.faults
def test_one_process_that_is_told_to_stop_ends_the_evaluation_of_all(
    undisturbed: tuple[Fitted, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    assert launch(stopped_in_evaluation, tmp_path) == 1
    assert_same(fitted(tmp_path), undisturbed[0], (tmp_path, undisturbed[1]))


def test_a_training_killed_after_any_checkpoint_ends_with_the_same_bits(
    undisturbed: tuple[Fitted, Path], tmp_path: Path
) -> None:
    for kept in sorted(undisturbed[1].glob("step-*")):
        folder = tmp_path / kept.name
        shutil.copytree(kept, folder / kept.name)
        assert_same(fitted(folder), undisturbed[0], (folder, undisturbed[1]))


AVERAGED = dataclasses.replace(PARAMS, optimization=dataclasses.replace(PARAMS.optimization, ema_decay=0.6))


def test_an_averaged_training_resumes_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, folder = fitted(tmp_path / "whole", params=AVERAGED), tmp_path / "stopped"
    for step in (3, 8):
        with pytest.raises(BusyError):
            fitted(
                folder, params=AVERAGED, model=stopping_at(step, signal.SIGTERM, done=0 if step == 3 else 4)
            )
    again = fitted(folder, params=AVERAGED)
    assert_same(again, whole, (folder, tmp_path / "whole"), params=AVERAGED)


def test_the_average_is_what_is_measured_and_published(
    undisturbed: tuple[Fitted, Path], tmp_path: Path
) -> None:
    model = new_model()
    found = fitted(tmp_path, params=AVERAGED, model=model)
    last = latest_checkpoint(tmp_path, run=str(dataclasses.astuple(AVERAGED)))
    assert last is not None
    plain = undisturbed[0].progress
    assert [point.loss for point in found.progress.curve] == [point.loss for point in plain.curve]
    assert [point.val_loss for point in found.progress.curve] != [point.val_loss for point in plain.curve]
    assert found.progress.best_step == 12
    for name, tensor in found.best.items():
        assert torch.equal(tensor, last.average[name])
        assert torch.equal(last.weights[name], model.state_dict()[name])
    model.load_state_dict(found.best)
    val = in_order(blocks(documents=6, seed=2), PARAMS.unit_blocks)
    nats, targets = summed_loss(model, val, runtime=runtime())
    assert found.progress.best_val_loss == nats / targets


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.faults)])
def test_gradient_checkpointing_changes_no_bit(precision: Literal["fp32", "bf16"], tmp_path: Path) -> None:
    found = {}
    for again in (False, True):
        rules = dataclasses.replace(PARAMS.runtime, precision=precision, gradient_checkpointing=again)
        model, passes = new_model(), []
        model.model.layers[0].mlp.register_forward_pre_hook(lambda *_, counts=passes: counts.append(1))
        folder = tmp_path / str(again)
        found[again] = (
            fitted(folder, params=dataclasses.replace(PARAMS, runtime=rules), model=model),
            len(passes),
        )
    (plain, once), (recomputed, twice) = found[False], found[True]
    assert twice == once + PARAMS.steps * PARAMS.batch_blocks // PARAMS.unit_blocks
    assert recomputed.progress == plain.progress
    assert all(torch.equal(tensor, plain.best[name]) for name, tensor in recomputed.best.items())


def test_smoothing_changes_the_weights_and_never_what_is_measured(
    undisturbed: tuple[Fitted, Path], tmp_path: Path
) -> None:
    smoothed = dataclasses.replace(PARAMS.optimization, label_smoothing=0.2, z_loss=0.01)
    found = fitted(tmp_path, params=dataclasses.replace(PARAMS, optimization=smoothed))
    plain = undisturbed[0].progress.curve
    assert found.progress.curve[0].loss == plain[0].loss
    assert found.progress.curve[0].gradient_norm != plain[0].gradient_norm
    model = new_model()
    model.load_state_dict(found.best)
    val = in_order(blocks(documents=6, seed=2), PARAMS.unit_blocks)
    nats, targets = summed_loss(model, val, runtime=runtime())
    assert found.progress.best_val_loss == nats / targets


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
