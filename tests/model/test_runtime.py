"""Processes and precision: two processes end with the weights of one."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from pipeline.errors import DataError, ParamsError, ResourceError
from pipeline.model.fitting import Fitted
from pipeline.model.runtime import PROCESSES_VARIABLE, effective_precision, launch, processes_to_start
from pipeline.settings.pretrain import PretrainParams
from tests.model.trainings import PARAMS, fitted, new_model


def with_params(folder: Path, params: PretrainParams) -> Fitted:
    return fitted(folder, params=params)


def failing(message: str) -> None:
    raise DataError(message)


def dying() -> None:
    os._exit(9)


def greedy() -> None:
    torch.empty(1 << 47)


def mistaken() -> None:
    torch.ones(2) @ torch.ones(3)


def frozen(folder: Path) -> Fitted:
    """A training whose second process stands still in its third step."""
    model, passes = new_model(), 0

    def stop(*_: object) -> None:
        nonlocal passes
        passes += 1
        if passes == 3 and os.environ["RANK"] == "1":
            (folder / "frozen").touch()
            os.kill(os.getpid(), signal.SIGSTOP)

    model.lm_head.weight.register_hook(stop)
    return fitted(folder, model=model)


def test_without_gpus_one_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROCESSES_VARIABLE, raising=False)
    assert processes_to_start() == max(1, torch.cuda.device_count())
    monkeypatch.setenv(PROCESSES_VARIABLE, "3")
    assert processes_to_start() == 3


@pytest.mark.parametrize("asked", ["0", "-1", "two", "1.5", "²"])
def test_a_number_of_processes_that_is_none_is_refused(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, asked)
    with pytest.raises(ParamsError, match=r"GRISTMILL_MODEL_PROCESSES: is '.+'; must be a whole number"):
        processes_to_start()


def test_one_process_is_this_one() -> None:
    assert launch(os.getpid) == os.getpid()


def test_two_processes_end_with_the_weights_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = fitted(tmp_path / "alone")
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    together: Fitted = launch(fitted, tmp_path / "together")
    assert together.weather.processes == 2
    assert together.progress == alone.progress
    assert all(torch.equal(tensor, together.best[name]) for name, tensor in alone.best.items())


@pytest.mark.faults
def test_four_processes_end_with_the_weights_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = dataclasses.replace(PARAMS, unit_blocks=1, micro_batch_blocks=1)
    alone = fitted(tmp_path / "alone", params=params)
    monkeypatch.setenv(PROCESSES_VARIABLE, "4")
    together: Fitted = launch(with_params, tmp_path / "together", params)
    assert together.progress == alone.progress
    assert all(torch.equal(tensor, together.best[name]) for name, tensor in alone.best.items())


@pytest.mark.faults
def test_fast_gradients_of_two_processes_come_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = dataclasses.replace(PARAMS.runtime, gradients="fast")
    params = dataclasses.replace(PARAMS, runtime=fast)
    alone = fitted(tmp_path / "alone", params=params)
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    together: Fitted = launch(with_params, tmp_path / "together", params)
    losses = [[point.loss for point in run.progress.curve] for run in (alone, together)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.faults
def test_a_frozen_process_ends_the_training_within_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    with pytest.raises(ResourceError, match=r"a training process died or froze; .*; run it again"):
        launch(frozen, tmp_path)
    assert time.time() - (tmp_path / "frozen").stat().st_mtime < 60.0


def test_an_error_a_person_can_act_on_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    with pytest.raises(DataError, match="look at row 7"):
        launch(failing, "look at row 7")


@pytest.mark.faults
def test_a_process_that_dies_is_a_resource_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    with pytest.raises(ResourceError, match="a training process died"):
        launch(dying)


def test_memory_that_runs_out_names_what_to_lower() -> None:
    with pytest.raises(ResourceError, match=r"out of memory \(.+\); lower unit_blocks"):
        launch(greedy)


def test_another_error_of_torch_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        launch(mistaken)


@pytest.mark.parametrize(
    ("capabilities", "wanted"),
    [
        ({"amx_bf16": True, "avx512_bf16": True, "cpu_name": "Intel Xeon"}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": True, "cpu_name": "Intel Xeon"}, "fp32"),
        ({"amx_bf16": False, "avx512_bf16": True, "cpu_name": "AMD EPYC"}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": False, "cpu_name": "AMD EPYC"}, "fp32"),
        ({"architecture": "aarch64"}, "fp32"),
    ],
)
def test_auto_is_bf16_where_it_is_fast(
    capabilities: dict[str, object], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert effective_precision("auto", torch.device("cpu")) == wanted
    assert effective_precision("bf16", torch.device("cpu")) == "bf16"
