"""The Prefect flow over a small real DVC repository: what it starts, in which order, and how it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from pipeline.errors import DataError, GristmillError, SourceError
from tests.late import Late

flow, artifacts, flows, settings, states, harness = map(
    Late,
    (
        "pipeline.flow",
        "prefect.artifacts",
        "prefect.flows",
        "prefect.settings",
        "prefect.states",
        "prefect.testing.utilities",
    ),
)
# Prefect leaves some of its sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
ROOT = Path(__file__).resolve().parent.parent
STAGES = """
stages:
  code: {cmd: exec python behave.py code raw.txt code.txt, deps: [raw.txt], outs: [code.txt]}
  ingest:
    matrix: {source: [a, b]}
    cmd: exec python behave.py ingest@${item.source} code.txt ${item.source}.txt
    deps: [code.txt]
    outs: ["${item.source}.txt"]
  join: {cmd: exec python behave.py join b.txt join.txt, deps: [a.txt, b.txt], outs: [join.txt]}
"""
# A stage: notes its start, then does what orders/NAME says (one word per start, the last one for good).
BEHAVE = """
import pathlib, sys, time
name, source, out = sys.argv[1:]
log = pathlib.Path(f"{name}.starts")
starts = len(log.read_text()) if log.exists() else 0
log.write_text("x" * (starts + 1))
orders = pathlib.Path("orders", name)
words = orders.read_text().split() if orders.exists() else ["copy"]
word = words[min(starts, len(words) - 1)]
if word == "network":
    sys.exit(print(f"{name}: SourceError: http://mirror: did not answer; try later", file=sys.stderr) or 4)
if word == "data":
    sys.exit(print(f"{name}: DataError: raw.txt row 3: no text; mend it", file=sys.stderr) or 3)
if word == "meet":
    deadline = time.monotonic() + 120
    while not all(pathlib.Path(f"ingest@{other}.starts").exists() for other in "ab"):
        assert time.monotonic() < deadline, "nobody came"
        time.sleep(0.02)
if word == "sleep":
    from pipeline.parentage import end_with_parent  # as every real stage does
    end_with_parent()
    pathlib.Path("asleep").touch()
    time.sleep(600)
pathlib.Path(out).write_text("same" if word in ("constant", "meet") else pathlib.Path(source).read_text())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A Prefect server for this module's flow runs; its address."""
    with harness.prefect_test_harness(server_startup_timeout=300):
        yield str(settings.get_current_settings().api.url)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository of four stages, none of which ran."""
    folder = tmp_path_factory.mktemp("fresh")
    for name, text in {"dvc.yaml": STAGES, "behave.py": BEHAVE, "raw.txt": "raw"}.items():
        (folder / name).write_text(text)
    (folder / "orders").mkdir()
    subprocess.run([flow.DVC, "init", "--quiet", "--no-scm"], cwd=folder, check=True)
    subprocess.run([flow.DVC, "config", "core.analytics", "false"], cwd=folder, check=True)
    return folder


@pytest.fixture
def repo(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the fresh repository as the current folder."""
    folder = shutil.copytree(fresh, tmp_path / "repo")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return folder


def outcomes() -> tuple[Any, dict[str, str]]:
    """Runs the flow; its result, and each stage's outcome from the artifact that it left."""
    state = flow.gristmill(network_retry_seconds=0.01, return_state=True)
    artifact: Any = artifacts.Artifact.get("stages")
    rows: Any = YAML(typ="safe").load(artifact.data)
    return state.result(raise_on_failure=False), {row["stage"]: row["outcome"] for row in rows}


def starts(folder: Path) -> dict[str, int]:
    """How often each stage was started."""
    return {path.stem: len(path.read_text()) for path in sorted(folder.glob("*.starts"))}


def test_only_what_follows_an_edit_runs_and_what_was_made_before_is_restored(repo: Path, server: str) -> None:
    for name in ("ingest@a", "ingest@b"):  # the first runs wait for each other: side by side
        (repo / "orders" / name).write_text("meet constant")
    everything = {"code": "ran", "ingest@a": "ran", "ingest@b": "ran", "join": "ran"}
    assert outcomes() == (4, everything)

    (repo / "dvc.lock").write_bytes(b"")  # as a dvc that was killed leaves them
    (repo / ".dvc/tmp/rwlock").write_bytes(b"")
    (repo / "raw.txt").write_text("edited")
    (repo / "join.txt").unlink()
    (repo / "reports").mkdir()
    (repo / "reports/report.md").write_text("# What came out\n")
    assert outcomes() == (4, {**everything, "join": "restored"})
    report: Any = artifacts.Artifact.get("report")
    assert str(repo / "reports/report.html") in report.data
    assert "# What came out" in report.data

    assert outcomes()[1] == dict.fromkeys(everything, "unchanged")
    assert starts(repo) == {"code": 2, "ingest@a": 2, "ingest@b": 2, "join": 1}


def test_a_failure_is_told_in_the_stage_s_words_and_only_the_network_is_tried_again(
    repo: Path, server: str
) -> None:
    (repo / "orders/ingest@a").write_text("data copy")
    (repo / "orders/ingest@b").write_text("network")
    error, found = outcomes()
    assert isinstance(error, DataError)
    assert "ingest@a: raw.txt row 3: no text; mend it" in str(error)
    assert "ingest@b: http://mirror: did not answer; try later" in str(error)
    assert found == {"code": "ran", "ingest@a": "failed", "ingest@b": "failed", "join": "skipped"}
    assert starts(repo) == {"code": 1, "ingest@a": 1, "ingest@b": 1 + flow.NETWORK_RETRIES}


@pytest.mark.faults
def test_a_network_that_comes_back_in_time_is_no_failure(repo: Path, server: str) -> None:
    (repo / "orders/ingest@b").write_text("network network copy")
    assert outcomes() == (4, dict.fromkeys(("code", "ingest@a", "ingest@b", "join"), "ran"))
    assert starts(repo)["ingest@b"] == 3


def test_a_pipeline_that_dvc_cannot_read_is_one_line(repo: Path, server: str) -> None:
    (repo / "dvc.yaml").write_text("stages: [")
    state = flow.gristmill(return_state=True)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, GristmillError)
    assert re.fullmatch(r"dvc dag: './dvc.yaml' is invalid\. .+", str(error))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
        (signal.SIGKILL, -9),
    ],
)
def test_a_stopped_flow_takes_dvc_and_the_stage_with_it(
    repo: Path, server: str, number: signal.Signals, code: int
) -> None:
    (repo / "orders/code").write_text("sleep copy")
    environment = {**os.environ, "PREFECT_API_URL": server}
    command = [sys.executable, "-m", "pipeline.flow"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: (repo / "asleep").exists(), "the stage is at work")
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("behave.py" in " ".join(child.cmdline()) for child in children)
        process.send_signal(number)
        until(lambda: not any(map(is_alive, children)), "every child ended")
        assert process.wait() == code
    # As `make run` does: the pid of a killed dvc that nobody reaped yet would block the next one.
    subprocess.run([sys.executable, "-m", "pipeline.recovery"], check=True)
    assert subprocess.run([flow.DVC, "repro", "--quiet", "code"]).returncode == 0, "the next run just starts"
    assert starts(repo)["code"] == 2


@pytest.mark.faults
def test_without_any_server_the_command_runs_the_pipeline_and_says_how_each_stage_went(repo: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-m", "pipeline.flow"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "code      ran" in done.stdout + done.stderr
    assert (repo / ".work/prefect/prefect.db").exists(), "Prefect's files stay below .work"
    (repo / "orders/join").write_text("data")
    (repo / "raw.txt").write_text("edited")
    failed = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert failed.returncode == DataError.exit_code
    assert "Traceback" not in failed.stdout + failed.stderr
    assert "\nDataError: join: raw.txt row 3: no text; mend it\n" in failed.stderr


@pytest.mark.faults
def test_a_server_that_does_not_answer_is_one_line(repo: Path) -> None:
    environment = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    command = [sys.executable, "-m", "pipeline.flow"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "GristmillError: flow: Failed to reach API at http://127.0.0.1:9/api/\n"


def test_a_task_that_broke_down_fails_its_stage_and_the_flow_in_one_line() -> None:
    for state in (
        states.Crashed(message="database\nis locked"),
        states.Failed(message="database\nis locked"),
    ):
        run = flow.stage_run("clean@x", state)
        assert (run.outcome, str(run.error)) == ("failed", "clean@x: database is locked")
        assert str(flow.blame([run, flow.StageRun("dedupe", "skipped")])) == "clean@x: database is locked"
    told = flow.stage_run("clean@x", states.Failed(data=SourceError("clean@x: later")))
    assert repr(told.error) == "SourceError('clean@x: later')"


def test_stages_that_did_not_run_fail_the_flow_also_when_none_failed() -> None:
    skipped = flow.stage_run("dedupe", states.Pending(name="NotReady"))
    assert skipped == flow.StageRun("dedupe", "skipped")
    assert str(flow.blame([flow.StageRun("clean", "ran"), skipped])).startswith("dedupe: did not run")
    assert flow.blame([flow.StageRun("clean", "ran"), flow.StageRun("dedupe", "restored")]) is None


def test_the_stages_come_in_an_order_that_can_be_run() -> None:
    graph = [
        "strict digraph {",
        '"c";',
        '"a";',
        '"b@x";',
        '"a" -> "b@x";',
        '"b@x" -> "c";',
        '"a" -> "c";',
        "}",
        "",
    ]
    assert flow.upstream_of(graph) == {"a": [], "b@x": ["a"], "c": ["a", "b@x"]}
    assert list(flow.upstream_of(graph)) == ["a", "b@x", "c"]


def test_the_error_of_a_stage_is_its_own_line_or_dvc_s() -> None:
    lines = [
        "Running stage 'clean@x':",
        "clean@x: ParamsError: line 3: a",
        "clean@x: ParamsError: line 4: b",
        "ERROR: x",
    ]
    assert repr(flow.failure("clean@x", lines)) == "ParamsError('clean@x: line 3: a; line 4: b')"
    crash = ["Traceback", "ERROR: failed to reproduce 'clean@x': failed to run: exec python, exited with -9"]
    assert str(flow.failure("clean@x", crash)).startswith("clean@x: ERROR: failed to reproduce 'clean@x'")
    assert type(flow.failure("clean@x", crash)) is GristmillError


def test_the_deployment_is_scheduled_here_and_points_to_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plan = YAML(typ="safe").load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    (deployment,) = plan["deployments"]
    assert flows.load_flow_from_entrypoint(deployment["entrypoint"]).name == "gristmill"
    assert deployment["schedules"][0]["cron"] == "0 5 * * 1"
    assert deployment["work_pool"]["name"] == "gristmill"
    assert [list(step) for step in plan["pull"]] == [["prefect.deployments.steps.set_working_directory"]]
    assert set(deployment["parameters"]) <= set(flow.gristmill.parameters.properties)


def is_alive(process: psutil.Process) -> bool:
    """Whether the process still does anything; an orphan that nobody reaps does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(holds: Callable[[], bool], what: str) -> None:
    """Waits until something holds; the test fails when it does not for three minutes."""
    deadline = time.monotonic() + 180
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)
