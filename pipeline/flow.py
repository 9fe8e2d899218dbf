"""flow: the pipeline as a Prefect flow; `python -m pipeline.flow` runs it once, prefect.yaml schedules it.

DVC decides what is up to date and runs the stages, each by `dvc repro --single-item STAGE` in its own process
group. The flow asks DVC once for the stages and their edges, starts what may run, side by side where nothing
forbids it, and records what happened. Prefect keeps no cache of its own: `dvc repro` alone gives the same.

A cancelled, interrupted or terminated flow stops the stages it started; run again, they go on.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import graphlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import errors
from pipeline.errors import BusyError, GristmillError, SourceError

# Prefect reads its settings while it is imported: no server to set up, its files below .work, no telemetry.
_HOME = os.environ.setdefault("PREFECT_HOME", str(Path(".work/prefect").absolute()))
Path(_HOME).expanduser().mkdir(parents=True, exist_ok=True)
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import wait
from prefect.runtime import task_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task

Say = Callable[[str], None]
DVC = str(Path(sys.executable).with_name("dvc"))
STAGES_SIDE_BY_SIDE = 2
NETWORK_RETRIES = 2
REPORT, REPORT_PAGE = Path("reports/report.md"), Path("reports/report.html")
STOPPED = "the flow was stopped; run it again to go on"
STOPPING = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))  # seconds given after each
_ADVICE = re.compile(
    r"|To (track|enable) .*|\t(git|dvc) .*|Use `dvc push`.*"
)  # what DVC says after each stage
# Ends the child with the thread that started it, also when this process is killed outright (Linux).
_WITH_PARENT = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What DVC knows: each stage with the stages it needs, those first, and which are not up to date."""

    upstream: Mapping[str, Sequence[str]]
    changed: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class StageRun:
    """How a stage went. `outcome`: ran, restored (from the run-cache), unchanged, failed or skipped."""

    stage: str
    outcome: str
    seconds: float = 0.0
    error: GristmillError | None = None


class Children:
    """The processes that a flow run started, each the leader of a process group of its own."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._running: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()

    def run(self, command: Sequence[str], *, say: Say | None = None) -> tuple[int, list[str]]:
        """Runs the command, says each line of its output as it comes; its exit code and all lines.

        Raises BusyError once the flow is being stopped.
        """
        with self._lock:
            if self.stopped.is_set():
                raise BusyError(STOPPED)
            process = subprocess.Popen(
                [sys.executable, "-IS", "-c", _WITH_PARENT, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.append(process)
        assert process.stdout is not None, "stdout is a pipe"
        lines = []
        with process.stdout as output:
            for line in map(str.rstrip, output):
                lines.append(line)
                if say and not _ADVICE.fullmatch(line):
                    say(line)
        code = process.wait()
        with self._lock:
            self._running.remove(process)
        return code, lines

    def stop(self) -> None:
        """Ends every process group, asking first; nothing starts afterwards."""
        with self._lock:
            self.stopped.set()
            groups = list(self._running)
        for number, seconds in STOPPING:
            groups = [process for process in groups if _signal_group(process, number)]
            deadline = time.monotonic() + seconds
            while groups and time.monotonic() < deadline:
                time.sleep(0.05)
                groups = [process for process in groups if _signal_group(process, 0)]


def _is_network_failure(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether the stage failed with a SourceError, the one failure that another try may heal."""
    return isinstance(state.result(raise_on_failure=False), SourceError)


@task(cache_policy=NO_CACHE, retries=NETWORK_RETRIES, retry_condition_fn=_is_network_failure)
def run_stage(
    stage: str, upstream: list[StageRun], *, changed: bool, children: Children, retry_seconds: float
) -> State[Any]:
    """One DVC stage. A failure of the network is tried again, after a pause that doubles.

    DVC is not asked about a stage that it called up to date while nothing before it changed since.
    """
    if not changed and all(run.outcome == "unchanged" for run in upstream):
        return Completed(name="Unchanged", data=StageRun(stage, "unchanged"))
    attempt = int(task_run.run_count or 1)
    if attempt > 1:
        children.stopped.wait(retry_seconds * 2 ** (attempt - 2))
    started = time.monotonic()
    command = [DVC, "--wait-for-lock", "repro", "--single-item", stage]
    code, lines = children.run(command, say=get_run_logger().info)
    if code:
        error = failure(stage, lines) if not children.stopped.is_set() else BusyError(f"{stage}: {STOPPED}")
        return Failed(message=str(error), data=error)
    outcome = outcome_of(stage, lines)
    return Completed(name=outcome.capitalize(), data=StageRun(stage, outcome, time.monotonic() - started))


_side_by_side: Any = ThreadPoolTaskRunner(max_workers=STAGES_SIDE_BY_SIDE)  # Any: @flow's own type refuses it


@flow(name="gristmill", task_runner=_side_by_side)
def gristmill(network_retry_seconds: float = 60.0) -> State[Any]:
    """Raw text to the evaluation report: every DVC stage as a task.

    `network_retry_seconds`: the pause before a stage whose source did not answer is tried again.
    """
    children = Children()
    try:
        plan = ask_dvc(children, say=get_run_logger().info)
        futures: dict[str, Any] = {}
        for stage, upstream in plan.upstream.items():
            futures[stage] = run_stage.with_options(name=stage, task_run_name=stage).submit(
                stage,
                [futures[name] for name in upstream],
                changed=stage in plan.changed,
                children=children,
                retry_seconds=network_retry_seconds,
            )
        wait(list(futures.values()))
    except GristmillError as error:
        return Failed(message=str(error), data=error)
    except BaseException:
        children.stop()
        raise
    return _conclude([_stage_run(stage, future.state) for stage, future in futures.items()])


def main() -> None:
    """Runs the flow once and exits with 0, or with the exit code of the error that stopped it."""
    summary = "Run the pipeline once as a Prefect flow."
    argparse.ArgumentParser(prog="python -m pipeline.flow", description=summary).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by the door, so that Prefect ends its server
    try:
        result = gristmill(return_state=True).result(raise_on_failure=False)
    except KeyboardInterrupt:
        sys.exit(130)
    if isinstance(result, GristmillError):
        sys.exit(result.exit_code)


def ask_dvc(children: Children, *, say: Say) -> Plan:
    """Repairs what a killed DVC left behind, then asks DVC for its stages and what is not up to date.

    Raises GristmillError with DVC's own words.
    """

    def ask(name: str, *command: str, say: Say | None = None) -> list[str]:
        code, lines = children.run(command, say=say)
        if code:
            raise failure(name, lines)
        return lines

    ask("recovery", sys.executable, "-m", "pipeline.recovery", say=say)
    graph = ask("dvc dag", DVC, "dag", "--dot")
    status = ask("dvc status", DVC, "--wait-for-lock", "status", "--json")
    changed = json.loads(next(line for line in reversed(status) if line.startswith("{")))
    return Plan(upstream_of(graph), frozenset(changed))


def upstream_of(graph: Sequence[str]) -> dict[str, list[str]]:
    """Each stage and the stages it needs from the lines of a dot graph, in an order that can be run.

    >>> upstream_of(['"a";', '"b";', '"a" -> "b";'])
    {'a': [], 'b': ['a']}
    """
    needs: dict[str, list[str]] = {}
    for line in graph:
        if match := re.fullmatch(r'"([^"]+)"(?: -> "([^"]+)")?;', line):
            first, second = match.groups()
            needs.setdefault(first, [])
            if second:
                needs.setdefault(second, []).append(first)
    return {stage: sorted(needs[stage]) for stage in graphlib.TopologicalSorter(needs).static_order()}


def outcome_of(stage: str, lines: Sequence[str]) -> str:
    """What DVC said it did with the stage: ran, restored or unchanged."""
    if f"Stage '{stage}' is cached - skipping run, checking out outputs" in lines:
        return "restored"
    return "unchanged" if f"Stage '{stage}' didn't change, skipping" in lines else "ran"


def failure(stage: str, lines: Sequence[str]) -> GristmillError:
    """The error of a stage that ended badly: its own error lines, else DVC's."""
    own = [match for line in lines if (match := re.match(rf"{re.escape(stage)}: (\w+Error): (.+)", line))]
    if own:
        kind = getattr(errors, own[0][1], GristmillError)
        return kind(f"{stage}: " + "; ".join(match[2] for match in own))
    said = " ".join(line.strip() for line in lines)
    return GristmillError(f"{stage}: " + said[max(said.find("ERROR: "), 0) :][:500])


def _conclude(runs: list[StageRun]) -> State[Any]:
    """Logs the stage table, leaves it and the report as artifacts, and says how the whole flow went."""
    log, width = get_run_logger(), max([len(run.stage) for run in runs], default=0)
    for run in runs:
        log.info(f"{run.stage:<{width}}  {run.outcome:<9}  {run.seconds:8.1f} s")
    rows = [{"stage": run.stage, "outcome": run.outcome, "seconds": round(run.seconds, 1)} for run in runs]
    create_table_artifact(key="stages", table=rows, description="What DVC did with each stage")
    failed = [run.error for run in runs if run.error]
    if failed:
        error = type(failed[0])("; ".join(str(error) for error in failed))
        return Failed(message=str(error), data=error)
    if REPORT.is_file():
        text = f"The page with figures is `{REPORT_PAGE.absolute()}`.\n\n{REPORT.read_text(encoding='utf-8')}"
        create_markdown_artifact(key="report", markdown=text, description="The evaluation report")
    changed = sum(run.outcome != "unchanged" for run in runs)
    return Completed(message=f"{changed} of {len(runs)} stages changed", data=len(runs))


def _stage_run(stage: str, state: State[Any]) -> StageRun:
    """The record of a finished task: what it returned, its error, or that what it needs failed."""
    if state.is_completed():
        run: StageRun = state.result()
        return run
    result = state.result(raise_on_failure=False) if state.is_failed() or state.is_crashed() else None
    if isinstance(result, GristmillError):
        return StageRun(stage, "failed", error=result)
    return StageRun(stage, "skipped")


def _signal_group(process: subprocess.Popen[str], number: int) -> bool:
    """Sends the signal to the process group; whether the group is still there."""
    process.poll()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
        return True
    return False


if __name__ == "__main__":
    main()
