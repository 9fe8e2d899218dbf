"""The contract around every recipe, held against a tiny stage that is run as DVC runs the real ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline import errors

ROOT = Path(__file__).resolve().parent.parent
# Does what its input says. `tiny` has no section of its own in params.yaml: it reads the one of `ingest`.
TINY = '''"""tiny: copies its input, or fails as it is told."""
from __future__ import annotations
import dataclasses, os, resource, sys, time
from pathlib import Path
from pipeline import errors, stage
from pipeline.settings.ingest import FilesParams
from pipeline.stage import Input, Output, Work, main

stage.LOCK_WAIT_SECONDS = float(os.environ.get("TINY_LOCK_WAIT", "20"))

@dataclasses.dataclass(frozen=True, slots=True)
class TinyMetrics:
    words: int
    licence: str

def run(source: Input, copy: Output, *, name: str, params: FilesParams, work: Work) -> TinyMetrics:
    order = source.read_text()
    log = work.folder / "starts"
    log.write_text((log.read_text() if log.exists() else "") + "x")
    work.weather["starts"] = len(log.read_text())
    Path("folder.txt").write_text(str(work.folder))
    if hasattr(errors, order):
        raise getattr(errors, order)("file.txt row 3: has \\x1b[2J no text;\\nmend it")
    if order == "no space":
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        copy.write_text("x" * 100_000)
    if order == "no memory":
        raise MemoryError("tensor of 8 GB")
    if order == "no memory for torch":
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 GB\\nframes")
    if order == "many files":
        files = [open(__file__) for _ in range(300)]
    if order == "a bug":
        assert not order, "a bug is a bug"
    if order == "sleep":
        Path("asleep").touch()
        time.sleep(300)
    if order == "nap":
        Path("asleep").touch()
        time.sleep(1.5)
    copy.write_text(order)
    return TinyMetrics(len(order.split()), params.licence)

if __name__ == "__main__":
    main("ingest", run, params_of="name")
'''


class Bench:
    """A folder in which the tiny stage can be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tiny.py").write_text(TINY)
        shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
        (folder / "code.json").write_text("{}")
        self.order("fine words")
        self.command = [
            sys.executable,
            "tiny.py",
            "code.json",
            "in.txt",
            "out.txt",
            "metrics.json",
            "--name",
            "files",
        ]
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def order(self, text: str) -> None:
        (self.folder / "in.txt").write_text(text)

    def run(self, *before: str, **environment: str) -> subprocess.CompletedProcess[str]:
        told, command = {**self.environment, **environment}, [*before, *self.command]
        return subprocess.run(command, cwd=self.folder, env=told, capture_output=True, text=True)

    def start(self) -> subprocess.Popen[str]:
        """Starts the stage and waits until its recipe is at work."""
        process = subprocess.Popen(
            self.command, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True
        )
        self.wait_for_work()
        return process

    def wait_for_work(self) -> None:
        deadline = time.monotonic() + 120
        while not (self.folder / "asleep").exists():
            assert time.monotonic() < deadline, "the recipe did not start"
            time.sleep(0.02)

    def work_folder(self) -> Path:
        return self.folder / (self.folder / "folder.txt").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_stage_writes_its_output_its_metrics_with_provenance_and_its_timings(bench: Bench) -> None:
    done = bench.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (bench.folder / "out.txt").read_text() == "fine words"
    metrics = json.loads((bench.folder / "metrics.json").read_text())
    assert metrics["words"] == 2
    assert metrics["provenance"]["stage"] == "ingest@files"
    assert metrics["provenance"]["params"] == {
        "enabled": False,
        "licence": "",
        "max_quarantine_share": 0.01,
        "patterns": ["**"],
        "text_column": "text",
        "metadata_columns": [],
    }
    assert list(metrics["provenance"]["inputs"]) == ["in.txt"]
    timings = json.loads((bench.folder / "reports/timings/ingest@files.json").read_text())
    assert timings["starts"] == 1
    assert timings["peak_bytes"] > 1_000_000
    assert not bench.work_folder().exists(), "finished work is put away"


def test_a_stage_that_does_not_train_is_refused_as_one_of_several_processes(bench: Bench) -> None:
    launched = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    done = bench.run(RANK="1", **launched)
    assert done.returncode == errors.ParamsError.exit_code
    assert done.stderr == (
        "ingest@files: ParamsError: started by a launcher as one of several processes; start one alone\n"
    )
    assert bench.run(RANK="0", **launched).returncode == 0


def test_what_is_written_says_nothing_about_when_and_where_it_ran(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    other = tmp_path / "other/place"
    other.mkdir(parents=True)
    Bench(other).run(TZ="Asia/Tokyo", PYTHONHASHSEED="7", GRISTMILL_PROCESSES="1")
    for name in ("out.txt", "metrics.json"):
        assert (other / name).read_bytes() == (bench.folder / name).read_bytes()


def test_provenance_follows_params_code_and_input(bench: Bench) -> None:
    def provenance() -> str:
        assert bench.run().returncode == 0
        return json.dumps(json.loads((bench.folder / "metrics.json").read_text())["provenance"])

    seen = {provenance()}
    (bench.folder / "code.json").write_text("{ }")
    seen.add(provenance())
    bench.order("other words")
    seen.add(provenance())
    params = bench.folder / "params.yaml"
    params.write_text(params.read_text().replace('licence: ""', 'licence: "CC0"'))
    seen.add(provenance())
    assert len(seen) == 4


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.exit_code > 1]
)
def test_every_error_is_one_plain_line_and_its_exit_code(
    bench: Bench, kind: type[errors.GristmillError]
) -> None:
    bench.order(kind.__name__)
    done = bench.run()
    assert done.returncode == kind.exit_code
    assert done.stderr == f"ingest@files: {kind.__name__}: file.txt row 3: has \\x1b[2J no text; mend it\n"
    assert not (bench.folder / "out.txt").exists()
    assert not (bench.folder / "metrics.json").exists()


def test_what_the_machine_lacks_is_exit_5_and_a_bug_stays_a_bug(bench: Bench) -> None:
    bench.order("no space")
    done = bench.run()
    assert done.returncode == 5
    assert done.stderr.startswith("ingest@files: ResourceError: out.txt: File too large (EFBIG); make room")
    bench.order("no memory")
    done = bench.run()
    assert done.returncode == 5
    assert "out of memory (tensor of 8 GB); free some" in done.stderr
    bench.order("no memory for torch")
    done = bench.run()
    assert done.returncode == 5
    assert "can't allocate memory: 8 GB); free some" in done.stderr
    assert "Traceback" not in done.stderr
    bench.order("a bug")
    done = bench.run()
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_low_limit_of_open_files_is_raised_and_one_that_cannot_be_is_named(bench: Bench) -> None:
    bench.order("many files")
    done = bench.run("sh", "-c", 'ulimit -S -n 100; exec "$@"', "sh")
    assert (done.returncode, done.stderr) == (0, "")
    done = bench.run("sh", "-c", 'ulimit -n 100; exec "$@"', "sh")
    assert done.returncode == 5
    assert done.stderr.startswith("ingest@files: ResourceError: ")
    assert "Too many open files (EMFILE); allow this process more of them (`ulimit -n`)" in done.stderr


def test_params_are_checked_before_anything_else_all_at_once(bench: Bench) -> None:
    params = bench.folder / "params.yaml"
    params.write_text(
        params.read_text().replace("min_chars: 100", "min_chars: -1").replace("  steps: 700", "  step: 700")
    )
    (bench.folder / "in.txt").unlink()
    done = bench.run()
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert all(line.startswith("ingest@files: ParamsError: params.yaml line ") for line in lines)
    for key in (
        "ingest.pydocs.min_chars: is -1",
        "clean.min_chars: is -1",
        "pretrain.step: unknown key",
        "pretrain.steps: is missing",
    ):
        assert any(key in line for line in lines), key
    assert not (bench.folder / ".work").exists()


def test_a_missing_input_names_the_file_and_the_remedy(bench: Bench) -> None:
    (bench.folder / "in.txt").unlink()
    done = bench.run()
    assert (done.returncode, done.stderr) == (
        3,
        "ingest@files: DataError: in.txt: missing; `dvc repro` makes it\n",
    )


@pytest.mark.parametrize("name", ["nowhere", "../../escape", "", "a b"])
def test_a_part_of_the_matrix_that_does_not_exist_is_exit_2(bench: Bench, name: str) -> None:
    bench.command[-1] = name
    done = bench.run()
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (bench.folder / "out.txt").exists()


def test_help_says_what_the_stage_does_and_the_order_of_its_arguments(bench: Bench) -> None:
    done = subprocess.run(
        [*bench.command[:2], "--help"],
        cwd=bench.folder,
        env=bench.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "tiny: copies its input, or fails as it is told." in done.stdout
    assert " ".join(done.stdout.split()).startswith(
        "usage: python -m stages.ingest [-h] --name NAME code source copy metrics_file"
    )


def test_work_survives_a_kill_and_belongs_to_one_set_of_params_inputs_and_code(bench: Bench) -> None:
    bench.order("sleep")
    with bench.start() as process:
        process.kill()
    killed = bench.work_folder()
    assert (killed / "starts").read_text() == "x"

    (bench.folder / "asleep").unlink()
    with bench.start() as process:
        process.kill()
    assert (killed / "starts").read_text() == "xx", "the same work goes on"

    bench.order("fine words")
    assert bench.run().returncode == 0
    assert bench.work_folder() != killed
    timings = json.loads((bench.folder / "reports/timings/ingest@files.json").read_text())
    assert timings["starts"] == 1, "other inputs, other work"
    assert not killed.exists(), "abandoned work is put away too"


def test_ctrl_c_is_one_line_and_exit_130(bench: Bench) -> None:
    bench.order("sleep")
    with bench.start() as process:
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert (process.returncode, said) == (130, "ingest@files: interrupted; run it again to go on\n")


def test_two_processes_never_write_one_output(bench: Bench) -> None:
    bench.order("sleep")
    with bench.start() as process:
        done = bench.run(TINY_LOCK_WAIT="0.3")
        process.kill()
    assert done.returncode == 75
    assert done.stderr.startswith(
        f"ingest@files: BusyError: {bench.folder / 'out.txt'}: another process is writing it"
    )


def test_a_stage_waits_for_the_one_before_it_to_end(bench: Bench) -> None:
    bench.order("nap")
    with bench.start() as process:
        assert bench.run().returncode == 0
        assert process.wait() == 0


def test_a_stage_ends_when_the_process_that_started_it_is_killed(bench: Bench) -> None:
    bench.order("sleep")
    script = f"import subprocess, time; subprocess.Popen({bench.command!r}); time.sleep(300)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=bench.folder, env=bench.environment) as parent:
        bench.wait_for_work()
        (stage,) = psutil.Process(parent.pid).children()
        parent.kill()
    deadline = time.monotonic() + 120
    while is_alive(stage):
        assert time.monotonic() < deadline, "the orphan is still at work"
        time.sleep(0.05)
    bench.order("fine words")
    assert bench.run(TINY_LOCK_WAIT="0.3").returncode == 0, "its lock went with it"


def is_alive(process: psutil.Process) -> bool:
    """Whether the process still does anything; an orphan that nobody reaps does not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
