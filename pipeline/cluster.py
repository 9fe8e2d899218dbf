"""Shards on the workers of a Dask scheduler, as `engine.map_shards` asks for with GRISTMILL_DASK.

The workers must see the folder that a stage runs in, with its code and `data/` and `.work/`, under the same
path on storage that all share, and hold the same environment. What can be checked of that is checked by each
worker before each task: that it sees the folder, runs the same Python, and has loaded no code that changed
since it started.

Dask and psutil are imported by name: they do not change what a task returns, so installing them must not
change the code fingerprint of every stage that maps over shards.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pipeline.artifacts import write_bytes
from pipeline.errors import ParamsError, ResourceError

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a worker must share with the stage: the folder, the file `mark` with this content, the Python."""

    folder: str
    mark: str
    content: bytes
    python: str


def run_on(
    address: str, function: Callable[[_Task], _Result], tasks: Iterator[tuple[str, _Task]], *, work: Path
) -> Iterator[tuple[str, _Result]]:
    """Name and result of each task as a worker finishes it; a dead worker's tasks go to the others.

    ParamsError when Dask is missing, ResourceError when there is no scheduler, no fit worker, or a task's
    workers die again and again.
    """
    dask = _distributed()
    try:
        client = dask.Client(address, timeout=TIMEOUT_SECONDS)
    except (OSError, ValueError) as error:
        raise ResourceError(f"GRISTMILL_DASK={address}: no scheduler answers there ({error})") from error
    mark = work.resolve() / "shared.mark"
    write_bytes(mark, os.urandom(16).hex().encode())
    terms = _Terms(os.getcwd(), str(mark), mark.read_bytes(), platform.python_version())
    with client:
        _wait_for_a_worker(client, address)
        futures = {
            client.submit(_under_terms, terms, function, task, pure=False): name for name, task in tasks
        }
        try:
            for future in dask.as_completed(futures):
                yield futures[future], future.result()
        except dask.KilledWorker as error:
            raise ResourceError(
                f"{address}: workers died in {function.__name__}; most often memory ran out"
            ) from error
        except (dask.CancelledError, dask.comm.CommClosedError) as error:
            raise ResourceError(f"{address}: the scheduler went away; start it and run it again") from error
    mark.unlink()


def _distributed() -> ModuleType:
    try:
        return importlib.import_module("dask.distributed")
    except ImportError as error:
        raise ParamsError(
            "GRISTMILL_DASK: is set, and Dask is not installed; `.venv/bin/python -m pip install "
            "--constraint constraints.txt --editable '.[cluster]'` brings it, or unset the variable"
        ) from error


def _wait_for_a_worker(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise ResourceError(
            f"{address}: the scheduler has no workers; start some and run it again"
        ) from error


def _under_terms(terms: _Terms, function: Callable[[_Task], _Result], task: _Task) -> _Result:
    """`function(task)` on a worker that is fit for it; relative paths mean what they meant to who asked.

    ResourceError, naming the worker, when it is not.
    """
    complaint = _complaint(terms)
    if complaint:
        raise ResourceError(f"worker {platform.node()}, process {os.getpid()}, {complaint}")
    os.chdir(terms.folder)
    return function(task)


def _complaint(terms: _Terms) -> str:
    """Why this process must not do the work, or ""."""
    if platform.python_version() != terms.python:
        return f"runs Python {platform.python_version()}, not {terms.python}: give it the same environment"
    mark = Path(terms.mark)
    if not mark.is_file() or mark.read_bytes() != terms.content:
        return f"does not see {mark.parent}: share that folder with it under the same path"
    started = importlib.import_module("psutil").Process().create_time()
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        ours = name.partition(".")[0] in ("pipeline", "stages")
        if ours and file and Path(file).stat().st_mtime > started:
            return f"started before {file} was changed: start it again"
    return ""
