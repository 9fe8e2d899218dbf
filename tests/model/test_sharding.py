"""Sharded training: the curve of the unsharded one, and checkpoints that either can go on from."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import BusyError, ParamsError, ResourceError
from pipeline.model.batches import BatchOrder, in_order
from pipeline.model.checkpoint import Progress
from pipeline.model.fitting import Fitted
from pipeline.model.gates import check_causality, shaken
from pipeline.model.gradients import gradients_of
from pipeline.model.optimization import build_optimizers
from pipeline.model.runtime import PROCESSES_VARIABLE, launch, start_runtime
from pipeline.model.sharding import fill, is_sharded, place, whole
from pipeline.model.training import summed_loss, train
from pipeline.model.transformer import Transformer
from pipeline.params import load
from pipeline.settings.pretrain import PretrainParams
from pipeline.settings.sections import SECTIONS
from tests.model.test_fitting import assert_same
from tests.model.test_gradients import needing_memory
from tests.model.trainings import CONFIG, PARAMS, blocks, fitted, new_model
from tests.workshop import ROOT

TOLERANCE = 1e-4  # relative, of losses and norms
TWO = pytest.mark.faults  # tests that start processes


def with_optimization(params: PretrainParams, **changes: Any) -> PretrainParams:
    return dataclasses.replace(params, optimization=dataclasses.replace(params.optimization, **changes))


def with_runtime(params: PretrainParams, **changes: Any) -> PretrainParams:
    return dataclasses.replace(params, runtime=dataclasses.replace(params.runtime, **changes))


SHARDED = with_runtime(with_optimization(PARAMS, ema_decay=0.6), gradients="fast", sharded=True)
SHARDED = dataclasses.replace(SHARDED, micro_batch_blocks=1)
# Sizes that two processes cannot share evenly.
ODD = dataclasses.replace(CONFIG, vocab_size=41, width=30, num_heads=3, mlp_width=61, tied_embeddings=True)
PLAIN = with_runtime(
    with_optimization(SHARDED, optimizer="adamw", ema_decay=None), gradient_checkpointing=True
)


def one_after_the_other(folder: Path) -> list[Fitted]:
    """Two trainings in one group of processes: starting it takes longer than they do."""
    return [
        fitted(folder / "muon", params=SHARDED),
        fitted(folder / "adamw", params=PLAIN, model=new_model(ODD)),
    ]


def assert_close_curves(found: Fitted, wanted: Fitted) -> None:
    for name in ("loss", "val_loss", "gradient_norm"):
        ours, theirs = ([getattr(point, name) for point in run.progress.curve] for run in (found, wanted))
        assert [value is None for value in ours] == [value is None for value in theirs]
        pairs = [pair for pair in zip(ours, theirs, strict=True) if pair[0] is not None]
        assert [pair[0] for pair in pairs] == pytest.approx([pair[1] for pair in pairs], rel=TOLERANCE)


@TWO
def test_the_curve_is_that_of_the_unsharded_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = one_after_the_other(tmp_path / "alone")
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    together: list[Fitted] = launch(one_after_the_other, tmp_path / "together")
    for one, other in zip(alone, together, strict=True):
        assert other.weather.processes == 2
        assert_close_curves(other, one)
        assert other.best.keys() == one.best.keys()
        for name, tensor in one.best.items():
            assert type(other.best[name]) is torch.Tensor
            torch.testing.assert_close(other.best[name], tensor, rtol=TOLERANCE, atol=TOLERANCE)


def stopping(step: int) -> Transformer:
    """A model that asks its process to stop in the first of two passes of this step (0-based)."""
    model, passes = new_model(), 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += torch.is_grad_enabled()
        if torch.is_grad_enabled() and passes == 2 * step + 1:
            os.kill(os.getpid(), signal.SIGTERM)

    model.model.register_forward_pre_hook(count)
    return model


def stopped_and_resumed(folder: Path) -> list[Fitted]:
    """A whole training and one that was stopped after step 6, whose checkpoint is copied to `moved`."""
    whole = fitted(folder / "whole", params=SHARDED)
    with pytest.raises(BusyError):
        fitted(folder / "stopped", params=SHARDED, model=stopping(5))
    if os.environ["RANK"] == "0":
        shutil.copytree(folder / "stopped", folder / "moved")
    return [whole, fitted(folder / "stopped", params=SHARDED)]


def with_sharded_params(folder: Path) -> Fitted:
    return fitted(folder, params=SHARDED)


@TWO
def test_checkpoints_serve_sharded_and_unsharded_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    whole, again = launch(stopped_and_resumed, tmp_path)
    assert_same(again, whole, (tmp_path / "stopped", tmp_path / "whole"), params=SHARDED)
    with pytest.raises(BusyError, match="stopped after step 9 of 12"):  # one process, four passes a step
        fitted(tmp_path / "moved", params=SHARDED, model=stopping(4))
    moved = launch(with_sharded_params, tmp_path / "moved")
    assert_close_curves(moved, whole)


def held() -> tuple[int, int]:
    """How many numbers this process holds of weights and moments after a step, and how many there are."""
    runtime = start_runtime(SHARDED.runtime)
    model = place(new_model(), runtime)
    optimizers = build_optimizers(model, SHARDED.optimization, dtype=torch.float32)
    train_blocks = blocks(documents=40, seed=1)
    order = BatchOrder(len(train_blocks), 4, unit_items=2, micro_batch_items=1, seed=1)
    gradients = gradients_of(model, train_blocks, order, runtime=runtime)
    next(train(model, optimizers, gradients, start=Progress(), params=SHARDED))
    tensors = [*model.parameters(), *(value for value in optimizers.tensors().values() if value.ndim)]
    assert all(map(is_sharded, tensors))
    mine: list[Any] = tensors
    return sum(tensor.to_local().numel() for tensor in mine), sum(tensor.numel() for tensor in mine)


@TWO
def test_each_process_holds_its_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    mine, all_of_it = launch(held)
    assert mine == all_of_it / 2


def measured_after(weights: dict[str, torch.Tensor], params: PretrainParams) -> list[tuple[float, int]]:
    """The summed loss of a model that is given whole weights, over odd and even numbers of batches."""
    runtime = start_runtime(params.runtime)
    model, found = place(new_model(), runtime), []
    for batch_items in (100, 4, 3, 1):
        fill(model, weights)
        val = in_order(blocks(documents=6, seed=2), batch_items)
        found.append(summed_loss(model, val, runtime=runtime))
    check_causality(model)
    fill(model, weights)
    assert all(torch.equal(whole(value), weights[name]) for name, value in model.state_dict().items())
    return found


@TWO
def test_whole_weights_given_to_a_sharded_model_are_measured_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = dict(shaken(new_model()).state_dict())
    alone = measured_after(weights, SHARDED)
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    assert launch(measured_after, weights, SHARDED) == alone


def without_memory(folder: Path) -> Fitted:
    """A training whose second process cannot hold a pass of even one row."""
    model = new_model()
    return fitted(folder, params=SHARDED, model=needing_memory(model, rows=int(os.environ["RANK"] == "0")))


@TWO
def test_memory_that_runs_out_in_one_process_ends_all_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    with pytest.raises(ResourceError, match=r"out of memory; lower micro_batch_blocks|its lines are above"):
        launch(without_memory, tmp_path)
    assert "out of memory; lower micro_batch_blocks or micro_batch_rows" in capfd.readouterr().err


def test_on_one_process_nothing_is_sharded(tmp_path: Path) -> None:
    model = new_model()
    assert not start_runtime(SHARDED.runtime).sharded
    fitted(tmp_path, params=SHARDED, model=model)
    assert not any(map(is_sharded, model.parameters()))


def test_sharded_sums_in_canonical_order_or_of_compiled_blocks_are_refused(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    file = tmp_path / "params.yaml"
    file.write_text(text.replace("    sharded: false ", "    sharded: true ", 1), encoding="utf-8")
    with pytest.raises(
        ParamsError, match=r"pretrain\.runtime: sharded true needs gradients fast, not canonical"
    ):
        load(file, SECTIONS)
    text = text.replace("    gradients: canonical ", "    gradients: fast ", 1)
    text = text.replace("    compile: false ", "    compile: true ", 1)
    file.write_text(text.replace("    sharded: false ", "    sharded: true ", 1), encoding="utf-8")
    with pytest.raises(ParamsError, match=r"pretrain\.runtime: sharded true needs compile false"):
        load(file, SECTIONS)
