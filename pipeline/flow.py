"""flow: the pipeline as a Prefect flow; `python -m pipeline.flow` runs it once, prefect.yaml schedules it.

DVC decides what is up to date and runs the stages, each by `dvc repro --single-item STAGE` in its own process
group. The flow asks DVC once for the stages and their edges, starts what may run, side by side where nothing
forbids it, and records what happened. Prefect keeps no cache of its own: `dvc repro` alone gives the same.

A cancelled, interrupted or terminated flow stops the stages it started; run again, they go on.
"""

from __future__ import annotations

import argparse
import dataclasses
import graphlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import errors
from pipeline.children import STOPPED, Children, Say
from pipeline.errors import BusyError, GristmillError, SourceError

# Prefect reads its settings while it is imported: no server to set up, its files below .work, no telemetry.
_HOME = os.environ.setdefault("PREFECT_HOME", str(Path(".work/prefect").absolute()))
Path(_HOME).expanduser().mkdir(parents=True, exist_ok=True)
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

# Stages run side by side: threads of a training do not wait awake as long as they do where one runs alone.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import wait
from prefect.runtime import task_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task

DVC = str(Path(sys.executable).with_name("dvc"))
STAGES_SIDE_BY_SIDE = 2
NETWORK_RETRIES = 2
REPORT, REPORT_PAGE = Path("reports/report.md"), Path("reports/report.html")


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
    return _conclude([stage_run(stage, future.state) for stage, future in futures.items()])


def main() -> None:
    """Runs the flow once and exits with 0, or with the exit code of the error that stopped it."""
    summary = "Run the pipeline once as a Prefect flow."
    argparse.ArgumentParser(prog="python -m pipeline.flow", description=summary).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by the door, so that Prefect ends its server
    try:
        state = gristmill(return_state=True)
        error = None if state.is_completed() else error_of(state, "flow")
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as unable:  # Prefect's own, before the flow begins: no server answers, say
        error = GristmillError(f"flow: {unable}")
    if error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)


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
    """Logs the stage table, leaves it and the report as artifacts, and says how the whole flow went: badly,
    too, when a stage did not run and no other one says why.
    """
    log, width = get_run_logger(), max([len(run.stage) for run in runs], default=0)
    for run in runs:
        log.info(f"{run.stage:<{width}}  {run.outcome:<9}  {run.seconds:8.1f} s")
    rows = [{"stage": run.stage, "outcome": run.outcome, "seconds": round(run.seconds, 1)} for run in runs]
    create_table_artifact(key="stages", table=rows, description="What DVC did with each stage")
    if error := blame(runs):
        return Failed(message=str(error), data=error)
    if REPORT.is_file():
        text = f"The page with figures is `{REPORT_PAGE.absolute()}`.\n\n{REPORT.read_text(encoding='utf-8')}"
        create_markdown_artifact(key="report", markdown=text, description="The evaluation report")
    changed = sum(run.outcome != "unchanged" for run in runs)
    return Completed(message=f"{changed} of {len(runs)} stages changed", data=len(runs))


def blame(runs: Sequence[StageRun]) -> GristmillError | None:
    """What the flow failed with: the errors of its stages as one, of the kind of the first; None without any.

    A stage that was skipped though none failed is an error too.
    """
    failed = [run.error for run in runs if run.error]
    if failed:
        return type(failed[0])("; ".join(map(str, failed)))
    skipped = [run.stage for run in runs if run.outcome == "skipped"]
    return GristmillError(f"{', '.join(skipped)}: did not run, and nothing says why") if skipped else None


def stage_run(stage: str, state: State[Any]) -> StageRun:
    """The record of a finished task: what it returned, its error, or that what it needs failed.

    What is no error of the stage (a locked database, no memory for a process) counts as one all the same.
    """
    if state.is_completed():
        run: StageRun = state.result()
        return run
    if not (state.is_failed() or state.is_crashed()):
        return StageRun(stage, "skipped")
    return StageRun(stage, "failed", error=error_of(state, stage))


def error_of(state: State[Any], name: str) -> GristmillError:
    """The error that a run ended with, else what Prefect says of its state, as one line about `name`."""
    result = state.result(raise_on_failure=False) if state.is_failed() or state.is_crashed() else None
    said = " ".join((state.message or str(state.name)).split())
    return result if isinstance(result, GristmillError) else GristmillError(f"{name}: {said}")


if __name__ == "__main__":
    main()
