"""Compiled blocks: they learn what plain ones do, and the bits follow from params and data as ever."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from pipeline.errors import BusyError, ParamsError
from pipeline.model.fitting import Fitted
from pipeline.model.runtime import PROCESSES_VARIABLE, launch
from tests.model.architectures import config_of
from tests.model.test_fitting import assert_same
from tests.model.trainings import PARAMS, fitted, new_model

pytestmark = [  # torch's compiler causes warnings that it hides, but pytest sees them first
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Function.* should not be instantiated:DeprecationWarning"),
]
SHORT = dataclasses.replace(PARAMS, steps=4, evaluate_every_steps=2, checkpoint_every_steps=2)
FAULTS = pytest.mark.faults  # a compilation takes seconds
needs_compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler here"
)


def compiled(**changes: Any) -> Any:
    """SHORT with compiled blocks and other changes to its runtime."""
    return dataclasses.replace(SHORT, runtime=dataclasses.replace(SHORT.runtime, compile=True, **changes))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the C++ compiler made, for all tests here: it takes most of the time."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(autouse=True)
def as_in_a_new_process(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(cache))
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")
    torch._dynamo.reset()
    counters.clear()


def losses(found: Fitted) -> list[float | None]:
    return [point.loss for point in found.progress.curve]


@needs_compiler
@FAULTS
@pytest.mark.parametrize("choice", ["default", "gpt-2", "dropout", "post"])
def test_compiled_blocks_learn_what_plain_ones_do(choice: str, tmp_path: Path) -> None:
    config = config_of(choice)
    plain = fitted(tmp_path / "plain", params=SHORT, model=new_model(config))
    found = fitted(tmp_path / "compiled", params=compiled(), model=new_model(config))
    assert losses(found) == pytest.approx(losses(plain), rel=1e-4)
    assert counters["stats"]["unique_graphs"] > 0


@needs_compiler
@FAULTS
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_compiled_training_goes_on_with_the_same_bits(precision: str, tmp_path: Path) -> None:
    params = compiled(precision=precision)
    whole = fitted(tmp_path / "whole", params=params)
    torch._dynamo.reset()
    model, passes = new_model(), 0

    def stop(*_: object) -> None:
        nonlocal passes
        passes += 1
        if passes == 2 * 3 - 1:  # in the first of two passes of the third step
            os.kill(os.getpid(), signal.SIGTERM)

    model.head_VD.register_hook(stop)  # type: ignore[no-untyped-call]
    with pytest.raises(BusyError):
        fitted(tmp_path / "stopped", params=params, model=model)
    torch._dynamo.reset()
    again = fitted(tmp_path / "stopped", params=params)
    assert_same(again, whole, (tmp_path / "stopped", tmp_path / "whole"), params=params)


def with_compiled_blocks(folder: Path) -> Fitted:
    return fitted(folder, params=compiled())


@needs_compiler
@FAULTS
def test_two_processes_with_compiled_blocks_end_with_the_weights_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = with_compiled_blocks(tmp_path / "alone")
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    together: Fitted = launch(with_compiled_blocks, tmp_path / "together")
    assert together.weather.processes == 2
    assert_same(together, alone, (tmp_path / "together", tmp_path / "alone"), params=compiled())


@needs_compiler
@FAULTS
def test_compiled_blocks_of_one_shape_share_a_compilation_and_repeat_it_for_memory(tmp_path: Path) -> None:
    deep = config_of("gpt-2", num_layers=5)
    found = {}
    for again in (False, True):
        torch._dynamo.reset()
        counters.clear()
        params = compiled(gradient_checkpointing=again)
        found[again] = fitted(tmp_path / str(again), params=params, model=new_model(deep))
        assert counters["stats"]["unique_graphs"] == 1
    assert found[True].progress == found[False].progress


@FAULTS
def test_a_compiler_that_fails_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._inductor.config

    broken = tmp_path / "g++"
    broken.write_text('#!/bin/sh\n[ "$1" = -v ] || [ "$1" = --version ] || exit 1\necho g++ 12.2.0\n')
    broken.chmod(0o755)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    asked = pytest.raises(ParamsError, match=r"runtime\.compile: failed \(.+\); set it to false")
    with torch._inductor.config.patch({"cpp.cxx": (None, str(broken))}), asked as raised:
        fitted(tmp_path, params=compiled())
    assert "\n" not in str(raised.value)


def test_without_a_compiler_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import cpp_builder
    from torch._inductor.exc import InvalidCxxCompiler

    def lacking() -> str:
        raise InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", lacking)
    with pytest.raises(ParamsError, match=r"runtime\.compile: needs a C\+\+ compiler; install g\+\+"):
        fitted(tmp_path, params=compiled())
