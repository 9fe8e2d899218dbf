"""Map over shards: every task is one shard's work, done in a process pool, and finished tasks are never done
again.

A task is a picklable value, its function a module-level one that returns a frozen dataclass of plain JSON
values. Each result is kept as a small file in the stage's work folder, so a killed stage goes on with the
tasks that are left. Results come back in task order, whatever order the tasks finish in.

With GRISTMILL_DASK=tcp://HOST:PORT the same functions run on the workers of that Dask scheduler (`pip
install` with the extra `cluster`), and the bytes are the same: see cluster.py for what the workers need.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from pipeline.artifacts import read_json, write_json
from pipeline.cluster import run_on
from pipeline.errors import IntegrityError, ParamsError, ResourceError
from pipeline.memory import give_back, keep_freed
from pipeline.parentage import end_with_parent
from pipeline.progress import track

LARGEST_OF_WORKERS = 8 << 20  # bytes; what tasks of different sizes leave in pieces adds to a worker's peak
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
_WORKERS: list[ProcessPoolExecutor] = []  # those of the `lasting_workers` around the call, if any


def map_shards(
    function: Callable[[_Task], _Result],
    tasks: Mapping[str, _Task] | Iterator[tuple[str, _Task]],
    *,
    result: type[_Result],
    work: Path,
    label: str,
) -> dict[str, _Result]:
    """`function(task)` for every named task, on all cores; name -> result, in the order of `tasks`.

    `work` holds one `<name>.done.json` per finished task. `function` must leave its own files complete
    before it returns. Tasks that come from an iterator are begun while the ones after them are still made.
    The first error of a task is raised here; ResourceError when a worker dies (usually out of memory).
    """
    work.mkdir(parents=True, exist_ok=True)
    records: dict[str, Path] = {}

    def unfinished() -> Iterator[tuple[str, _Task]]:
        for name, task in tasks.items() if isinstance(tasks, Mapping) else tasks:
            records[name] = work / f"{name}.done.json"
            if not _is_finished(records[name]):
                yield name, task

    todo, total = unfinished(), None
    if isinstance(tasks, Mapping):
        known = list(todo)
        todo, total = iter(known), len(known)
    for name, value in track(_run(function, todo, work), label=label, total=total, unit="shard"):
        write_json(records[name], value)
    return {name: result(**read_json(record)) for name, record in records.items()}


def processes() -> int:
    """How many worker processes to use: the cores this process may run on, or GRISTMILL_PROCESSES.

    ParamsError when that is not a number from 1 up.
    """
    asked = os.environ.get("GRISTMILL_PROCESSES")
    if asked:
        if not re.fullmatch(r"0*[1-9][0-9]*", asked):
            raise ParamsError(f"GRISTMILL_PROCESSES: is {asked!r}; must be a whole number from 1 up")
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(
    function: Callable[[_Task], _Result], tasks: Iterator[tuple[str, _Task]], work: Path
) -> Iterator[tuple[str, _Result]]:
    """Name and result of each task as it finishes; inline when a pool would not pay."""
    first = list(itertools.islice(tasks, 2))
    tasks = itertools.chain(first, tasks)
    scheduler = os.environ.get("GRISTMILL_DASK")
    if scheduler and first:
        yield from run_on(scheduler, function, tasks, work=work)
    elif min(processes(), len(first)) <= 1:
        for name, task in tasks:
            yield name, function(task)
    else:
        with lasting_workers():
            yield from _run_on_workers(function, tasks)


@contextlib.contextmanager
def lasting_workers() -> Iterator[None]:
    """The workers that maps within start serve the maps after them, too, and end at the end.

    A worker takes about half a second to start and import what it needs. None starts before a map needs it.
    """
    if _WORKERS:
        yield
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes(), mp_context=context, initializer=_be_a_worker, initargs=(os.getpid(),)
    ) as pool:
        _WORKERS.append(pool)
        try:
            yield
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():  # unfinished tasks are done again anyway
                worker.terminate()
            raise
        finally:
            _WORKERS.clear()


def _run_on_workers(
    function: Callable[[_Task], _Result], tasks: Iterator[tuple[str, _Task]]
) -> Iterator[tuple[str, _Result]]:
    """Name and result of each task as it finishes on one of the workers that last."""
    (pool,) = _WORKERS
    try:
        futures: dict[Future[_Result], str] = {
            pool.submit(_tidily, function, task): name for name, task in tasks
        }
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
    except BrokenProcessPool as error:
        raise ResourceError(
            f"a worker process died in {function.__name__}; most often memory ran out"
        ) from error


def _tidily(function: Callable[[_Task], _Result], task: _Task) -> _Result:
    """`function(task)`, without the memory that it needed for it."""
    result = function(task)
    give_back()
    return result


def _be_a_worker(parent: int) -> None:
    """Leaves Ctrl-C to the parent and ends with it; one core is all that it takes."""
    pa.set_cpu_count(1)
    keep_freed(LARGEST_OF_WORKERS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL, parent=parent)


def _is_finished(record: Path) -> bool:
    """Whether a task left a readable result; a damaged one is made again."""
    try:
        return isinstance(read_json(record), dict)
    except IntegrityError:
        return False
