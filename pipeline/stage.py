"""What every stage does around its recipe: the contract between DVC and `run(...)`.

A recipe is one function whose signature is the stage's command line, inputs first, then outputs:

    def run(ingested: Input, cleaned: Output, *, source: str, params: CleanParams, work: Work) ->
    CleanMetrics: ...

    if __name__ == "__main__":
        main("clean", run)

is run as `python -m stages.clean CODE ingested cleaned METRICS --source pydocs`, where CODE is the stage's
fingerprint (see fingerprint.py) and METRICS the JSON file that receives what `run` returns, with its
provenance. Around it, `main` checks the whole of `params.yaml` before any work, ends with its parent
process, holds the lock of its outputs, gives the recipe a work folder that survives a kill and belongs to
exactly these params, inputs and code, and turns every error a person can act on into one line and an exit
code.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import errno
import hashlib
import importlib
import inspect
import logging
import os
import re
import resource
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pipeline.artifacts import MANIFEST, canonical_json, hash_file, hash_tree, write_bytes, write_json
from pipeline.errors import DataError, GristmillError, ParamsError, ResourceError, is_out_of_memory
from pipeline.locks import holding
from pipeline.memory import keep_freed
from pipeline.params import as_json, load
from pipeline.parentage import end_with_parent
from pipeline.ranks import launched_rank

Input = Annotated[Path, "input"]
Output = Annotated[Path, "output"]

PARAMS_FILE = Path("params.yaml")
WORK_ROOT = Path(".work")
TIMINGS = Path("reports/timings")
LOCK_WAIT_SECONDS = 20.0
MOST_OPEN_FILES = 10_240 if sys.platform == "darwin" else 1 << 20  # more macOS does not allow
_log = logging.getLogger("gristmill")


@dataclasses.dataclass(slots=True)
class Work:
    """Where a stage keeps unfinished work, and what it says about how the run went.

    `folder` survives a kill and is shared only by runs of the same params, inputs and code. `lasting`
    survives success too, for what later runs can use again; `code` is the fingerprint of the stage's code.
    `weather` takes figures that may differ between equal runs (tokens per second, device): they go to
    `reports/timings/`, never to an output.
    """

    folder: Path
    lasting: Path | None = None
    code: str = ""
    weather: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def cache(self) -> Path:
        """The folder that survives success, or one that does not where there is none."""
        return self.lasting or self.folder / "cache"


@dataclasses.dataclass(frozen=True, slots=True)
class _Call:
    """One parsed command line of a stage."""

    identity: str  # clean@pydocs
    code: Path | None
    inputs: dict[str, Path]
    outputs: dict[str, Path]
    options: dict[str, str]
    metrics: Path | None


def main(
    stage: str,
    run: Callable[..., Any],
    *,
    params_of: str | None = None,
    trains: bool = False,
    argv: Sequence[str] | None = None,
) -> None:
    """Runs the stage as a command and exits with its code.

    `params_of` names the option that picks a subsection of the stage's params (`source`: `ingest.pydocs`).
    A stage that `trains` may be started by a launcher, in several processes: the first one is the writer, the
    others end with code 0 inside `launch` (pipeline/model/runtime.py), before anything is written.
    """
    call = _parse(stage, run, sys.argv[1:] if argv is None else argv)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    for name in ("gristmill", "pipeline", "stages"):  # what libraries say below a warning is not for the user
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        end_with_parent()
        keep_freed()
        _allow_open_files()
        params = _checked_params(stage, call, params_of)
        helps = bool(launched_rank())
        if helps and not trains:
            raise ParamsError("started by a launcher as one of several processes; start one alone")
        with contextlib.nullcontext() if helps else _only_writer(call):
            _execute(call, run, params)
    except ParamsError as error:
        _exit(call, error, *error.problems)
    except GristmillError as error:
        _exit(call, error, str(error))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        told = str(error).partition("\n")[0]
        told = f"out of memory ({told}); free some or make the stage's work smaller"
        _exit(call, ResourceError("memory"), told)
    except OSError as error:
        if error.errno is None:
            raise
        _exit(call, ResourceError("disk"), _told(call, error, error.errno))
    except KeyboardInterrupt:
        _log.error("%s: interrupted; run it again to go on", call.identity)
        sys.exit(130)


def _allow_open_files() -> None:
    """Raises the number of files that this process and its workers may have open as far as it may go.

    A corpus has a file per shard mapped at the same time; the usual limit of 1024 is meant for programs that
    ask for more when they need it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _told(call: _Call, error: OSError, number: int) -> str:
    """What the system refused, where, and the remedy."""
    where = error.filename or ", ".join(map(str, call.outputs.values())) or WORK_ROOT
    code = errno.errorcode.get(number, f"error {number}")
    remedy = "make room or allow access"
    if number == errno.EMFILE:
        remedy = "allow this process more of them (`ulimit -n`), or write fewer, larger shards"
    return f"{where}: {os.strerror(number)} ({code}); {remedy}, then run it again"


def _execute(call: _Call, run: Callable[..., Any], params: Any) -> None:
    """Runs the recipe in its work folder and writes its metrics and timings."""
    started, used = time.monotonic(), _cpu_seconds()
    provenance = _provenance(call, params)
    key = hashlib.sha256(canonical_json(provenance)).hexdigest()[:16]
    folder = WORK_ROOT / call.identity / key
    folder.mkdir(parents=True, exist_ok=True)
    work = Work(folder, WORK_ROOT / "cache" / call.identity, provenance["code"] or "")
    given: dict[str, Any] = {**call.inputs, **call.outputs, **call.options, "params": params, "work": work}
    accepted = inspect.signature(run).parameters
    metrics = run(**{name: value for name, value in given.items() if name in accepted})
    if call.metrics is not None:
        write_json(call.metrics, {**_as_object(metrics), "provenance": provenance})
    shutil.rmtree(WORK_ROOT / call.identity)
    _write_timings(call, work, seconds=time.monotonic() - started, cpu_seconds=_cpu_seconds() - used)


def _parse(stage: str, run: Callable[..., Any], argv: Sequence[str]) -> _Call:
    """The command line that the signature of `run` describes."""
    hints = get_type_hints(run, include_extras=True)
    roles = {name: get_args(kind)[1] for name, kind in hints.items() if get_origin(kind) is Annotated}
    options = [name for name, kind in hints.items() if kind is str]
    has_code, has_metrics = "params" in hints, hints.get("return") is not type(None)
    doc = inspect.getmodule(run).__doc__ if inspect.getmodule(run) else None
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{stage}", description=(doc or "").strip().split("\n")[0]
    )
    if has_code:
        parser.add_argument("code", type=Path, help="fingerprint of this stage's code")
    for name, role in roles.items():
        parser.add_argument(name, type=Path, help=role)
    if has_metrics:
        parser.add_argument("metrics_file", type=Path, help="JSON file for the stage's metrics")
    for name in options:
        which = "which one of the stage's matrix this is"
        parser.add_argument(f"--{name}", type=_plain_name, required=True, help=which)
    values = vars(parser.parse_args(argv))
    chosen = {name: values[name] for name in options}
    return _Call(
        identity="@".join([stage, *chosen.values()]),
        code=values.get("code"),
        inputs={name: values[name] for name, role in roles.items() if role == "input"},
        outputs={name: values[name] for name, role in roles.items() if role == "output"},
        options=chosen,
        metrics=values.get("metrics_file"),
    )


def _plain_name(text: str) -> str:
    """The text when it can be part of a file name."""
    if not re.fullmatch(r"\w[\w.-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a plain name")
    return text


def _checked_params(stage: str, call: _Call, params_of: str | None) -> Any:
    """This stage's params, after the whole file was checked.

    The table of all sections is imported by name, so that a change in another stage's section is not part of
    this stage's code fingerprint.
    """
    sections = importlib.import_module("pipeline.settings.sections").SECTIONS
    params: Any = load(PARAMS_FILE, sections).get(stage)
    if params_of is None:
        return params
    chosen = call.options[params_of]
    if chosen not in {field.name for field in dataclasses.fields(params)}:
        raise ParamsError(f"{PARAMS_FILE}: {stage}.{chosen}: there is no such section")
    return getattr(params, chosen)


def _provenance(call: _Call, params: Any) -> dict[str, Any]:
    """What the outputs follow from: params, the code's fingerprint and the identity of every input."""
    for path in call.inputs.values():
        if not path.exists():
            raise DataError(f"{path}: missing; `dvc repro` makes it")
    return {
        "stage": call.identity,
        "params": as_json(params) if params is not None else None,
        "code": hash_file(call.code) if call.code else None,
        "inputs": {path.as_posix(): _identity(path) for path in call.inputs.values()},
    }


def _identity(path: Path) -> str:
    """A hash that changes with the content: of an artifact's manifest where there is one, else of everything
    below.
    """
    if (path / MANIFEST).is_file():
        return hash_file(path / MANIFEST)
    if path.is_dir() and any((child / MANIFEST).is_file() for child in path.iterdir()):
        parts = {
            child.name: _identity(child) for child in sorted(path.iterdir()) if not child.name.startswith(".")
        }
        return hashlib.sha256(canonical_json(parts)).hexdigest()
    return hash_tree(path)


def _only_writer(call: _Call) -> contextlib.AbstractContextManager[None]:
    """Holds the lock of this stage's outputs; BusyError when another process keeps it."""
    written = [*call.outputs.values(), *([call.metrics] if call.metrics else [])]
    outputs = [str(path.resolve()) for path in written]
    name = hashlib.sha256("\0".join(outputs).encode()).hexdigest()[:12]
    lock = WORK_ROOT / "locks" / f"{call.identity}-{name}.lock"
    busy = f"{outputs[0]}: another process is writing it; wait for it or stop it"
    return holding(lock, wait_seconds=LOCK_WAIT_SECONDS, busy=busy)


def _write_timings(call: _Call, work: Work, *, seconds: float, cpu_seconds: float) -> None:
    """Records the weather of this run: seconds, CPU seconds, peak memory and what the recipe noted."""
    kilobyte = 1 if sys.platform == "darwin" else 1024
    peaks = [
        resource.getrusage(who).ru_maxrss * kilobyte
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    record = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": max(peaks), **work.weather}
    write_bytes(TIMINGS / f"{call.identity}.json", canonical_json(record))


def _cpu_seconds() -> float:
    mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime


def _as_object(metrics: Any) -> dict[str, Any]:
    return {field.name: getattr(metrics, field.name) for field in dataclasses.fields(metrics)}


def _exit(call: _Call, error: GristmillError, *lines: str) -> None:
    """Logs each problem as one line without control characters and exits with the error's code."""
    for line in lines:
        told = line.replace("\n", " ")
        told = told if told.isprintable() else ascii(told)[1:-1]
        _log.error("%s: %s: %s", call.identity, type(error).__name__, told)
    sys.exit(error.exit_code)
