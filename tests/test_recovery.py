"""What a killed DVC leaves behind is repaired before the next run; DVC itself is the judge of what is
broken.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import recovery
from pipeline.errors import BusyError, DataError
from pipeline.recovery import repair
from tests.late import Late

schema, serialize, voluptuous = map(Late, ("dvc.schema", "dvc.utils.serialize", "voluptuous"))
ROOT = Path(__file__).resolve().parent.parent
DVC = str(Path(sys.executable).with_name("dvc"))
STAGES = """
stages:
  first:
    cmd: cp raw.txt first.txt; echo ran >> first.log
    deps: [raw.txt]
    outs: [first.txt]
  second:
    cmd: cp first.txt second.txt; echo ran >> second.log
    deps: [first.txt]
    params: [second.size]
    outs: [second.txt]
  slow:
    cmd: touch slow.started; exec sleep 300
    deps: [second.txt]
    outs: [slow.txt]
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def repro(folder: Path) -> subprocess.CompletedProcess[str]:
    return run(folder, DVC, "repro", "second")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository whose first two stages ran; git HEAD holds the dvc.lock of the first one alone."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "params.yaml").write_text("second: {size: 3, note: 'käse'}\n")
    (folder / "raw.txt").write_text("raw\n")
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org")
    for command in (
        ("git", "init", "--quiet"),
        (DVC, "init", "--quiet"),
        (DVC, "config", "core.analytics", "false"),
        (DVC, "repro", "first"),
        ("git", "add", "dvc.lock", "dvc.yaml", ".dvc", "params.yaml"),
        (*git, "commit", "--quiet", "-m", "the first stage"),
        (DVC, "repro", "second"),
    ):
        done = run(folder, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def repo(made: Path, tmp_path: Path) -> Path:
    """A fresh copy of the made repository."""
    return Path(shutil.copytree(made, tmp_path / "repo", symlinks=True))


@pytest.fixture
def slow(repo: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A dvc that is in the middle of a stage."""
    process = subprocess.Popen(
        [DVC, "repro", "slow"], cwd=repo, start_new_session=True, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (repo / "slow.started").exists():  # from here on it waits for the stage
        assert time.monotonic() < deadline, "dvc did not start its stage"
        time.sleep(0.02)
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_sound_repository_is_left_alone_in_silence(repo: Path) -> None:
    before = {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()}
    earlier_cpu_seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.recovery"],
        cwd=repo,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    used_cpu_seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - earlier_cpu_seconds
    assert used_cpu_seconds < 2, "it runs before every `make run`"
    assert {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()} == before


def test_a_folder_without_dvc_files_is_fine(tmp_path: Path) -> None:
    assert repair(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_empty_lock_comes_back_from_git_and_the_run_cache_heals_the_rest(repo: Path) -> None:
    (repo / "dvc.lock").write_bytes(b"")
    assert repro(repo).returncode != 0
    (line,) = repair(repo)
    assert "dvc.lock was empty" in line
    assert "git HEAD" in line
    done = repro(repo)
    assert done.returncode == 0, done.stderr
    assert "Running stage" not in done.stdout
    assert "'second' is cached - skipping run" in done.stdout
    assert (repo / "second.log").read_text() == "ran\n"


def test_a_cut_lock_is_removed_when_git_has_none_and_kept_aside(repo: Path) -> None:
    whole = (repo / "dvc.lock").read_bytes()
    (repo / "dvc.lock").write_bytes(whole[:-7] + b"\n    - [")
    shutil.rmtree(repo / ".git")
    assert repro(repo).returncode != 0
    (line,) = repair(repo)
    assert "removed it" in line
    assert (repo / recovery.DAMAGED_LOCK).read_bytes().startswith(whole[:-7])
    (repo / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    done = repro(repo)
    assert done.returncode == 0, done.stderr
    assert (repo / "first.log").read_text() == (repo / "second.log").read_text() == "ran\n"
    assert (repo / "dvc.lock").read_bytes() == whole


def test_a_lock_that_git_holds_damaged_too_is_removed(repo: Path) -> None:
    (repo / "dvc.lock").write_bytes(b"")
    run(repo, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "broken")
    (line,) = repair(repo)
    assert "removed it" in line
    assert not (repo / "dvc.lock").exists()


def test_wherever_the_lock_is_cut_the_verdict_is_dvc_s_own(made: Path) -> None:
    whole = (made / "dvc.lock").read_bytes()
    verdicts = {
        cut: (recovery.is_sound_lock(whole[:cut]), accepts(whole[:cut])) for cut in range(len(whole) + 1)
    }
    assert {cut: both for cut, both in verdicts.items() if both[0] != both[1]} == {}
    assert {sound for sound, _ in verdicts.values()} == {True, False}


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01",
        b"\xff\xfe",
        b"[]",
        b"schema: '1.0'\n",
        b"schema: '2.0'\nstages: []\n",
        b"schema: '2.0'\nstages: {a: {deps: []}}\n",
        b"schema: '2.0'\nstages: {a: {cmd: x, deps: [{path: 3}]}}\n",
        b"schema: '2.0'\nstages: {a: {cmd: x, outs: [{path: p, size: big}]}}\n",
        b"schema: '2.0'\nstages: {a: {cmd: x, outs: [{path: p, md5: ab}]}}\n",
        b"schema: '2.0'\nstages: {a: {cmd: x, params: {params.yaml: 3}}}\n",
    ],
)
def test_a_lock_that_dvc_refuses_counts_as_damaged(data: bytes) -> None:
    assert not accepts(data)
    assert not recovery.is_sound_lock(data)


def test_conflict_markers_are_a_persons_decision(repo: Path) -> None:
    data = b"<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '2.0'\n>>>>>>> other\n"
    (repo / "dvc.lock").write_bytes(data)
    with pytest.raises(DataError, match=r"dvc\.lock: holds git conflict markers"):
        repair(repo)
    assert (repo / "dvc.lock").read_bytes() == data


@pytest.mark.parametrize(
    "data", [b"", b'{"read": {"/a', b"[]", b'{"write": {"/a": {"pid": "x", "cmd": "dvc"}}}']
)
def test_a_damaged_rwlock_is_removed_when_no_dvc_runs(repo: Path, data: bytes) -> None:
    (repo / recovery.RWLOCK).write_bytes(data)
    if not data:
        (repo / "raw.txt").write_text("new\n")
        assert repro(repo).returncode != 0
    (line,) = repair(repo)
    assert "rwlock was damaged" in line
    assert not (repo / recovery.RWLOCK).exists()
    if not data:
        assert repro(repo).returncode == 0


def test_a_damaged_rwlock_is_left_to_the_dvc_that_runs(repo: Path, slow: subprocess.Popen[bytes]) -> None:
    (repo / recovery.RWLOCK).write_bytes(b"")
    with pytest.raises(BusyError, match=f"pid {slow.pid}"):
        repair(repo)
    assert (repo / recovery.RWLOCK).exists()


def test_after_a_kill_of_dvc_the_next_run_starts(repo: Path, slow: subprocess.Popen[bytes]) -> None:
    assert repair(repo) == [], "a running dvc is not in need of repair"
    os.killpg(slow.pid, signal.SIGKILL)
    slow.wait()
    (line,) = repair(repo)
    assert "took its entries out" in line
    assert repair(repo) == []
    assert repro(repo).returncode == 0


def test_a_pid_that_is_now_another_program_blocks_nobody(repo: Path) -> None:
    second = str(repo / "second.txt")
    with subprocess.Popen(["sleep", "60"]) as other:
        dead = {"pid": other.pid, "cmd": "dvc repro"}
        rwlock = {"write": {second: dead}, "read": {str(repo / "first.txt"): [dead]}}
        (repo / recovery.RWLOCK).write_text(json.dumps(rwlock))
        (repo / "second.txt").unlink()
        blocked = repro(repo)
        assert blocked.returncode != 0
        assert "busy" in blocked.stderr
        assert len(repair(repo)) == 1
        assert repro(repo).returncode == 0
        other.kill()


def test_the_entries_of_a_living_dvc_stay(repo: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "dvc"]) as living:
        own, dead = {"pid": living.pid, "cmd": "dvc repro"}, {"pid": 2**22 + 1, "cmd": "dvc repro"}
        (repo / recovery.RWLOCK).write_text(json.dumps({"write": {"/a": own}, "read": {"/b": [own, dead]}}))
        assert len(repair(repo)) == 1
        kept = json.loads((repo / recovery.RWLOCK).read_bytes())
        assert kept == {"write": {"/a": own}, "read": {"/b": [own]}}
        living.kill()


def test_a_lock_that_is_just_being_written_is_waited_for(repo: Path) -> None:
    whole = (repo / "dvc.lock").read_bytes()
    with open(repo / recovery.LOCK_GUARD, "a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        (repo / "dvc.lock").write_bytes(b"")

        def finish() -> None:
            (repo / "dvc.lock").write_bytes(whole)
            fcntl.flock(guard, fcntl.LOCK_UN)

        timer = threading.Timer(0.3, finish)
        timer.start()
        assert repair(repo) == []
        timer.join()
    assert (repo / "dvc.lock").read_bytes() == whole


def accepts(data: bytes) -> bool:
    """DVC's own verdict on a dvc.lock."""
    try:
        schema.COMPILED_LOCKFILE_SCHEMA(serialize.parse_yaml(data.decode(), "dvc.lock"))
    except (serialize.ParseError, voluptuous.Invalid, UnicodeDecodeError):
        return False
    return True
