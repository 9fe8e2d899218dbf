"""recovery: repairs what a kill of DVC itself leaves behind; silent when there is nothing to do.

DVC writes two files in place, so a kill in the middle of the write leaves them empty or cut, and every later
`dvc repro` refuses to start:

    dvc.lock          what every stage last made: comes back from git HEAD, else is removed; either way DVC's
                      run-cache restores the stages that ran since, without running them
    .dvc/tmp/rwlock   which process uses which path: removed when damaged and no dvc runs here; entries of
                      processes that are gone, their pid now another program's, are taken out

DVC's other lock files (`.dvc/tmp/lock`, `.dvc/tmp/rwlock.lock`) are kernel locks: they end with their
process, whatever the files hold. Run it before `dvc repro`: `python -m pipeline.recovery`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.durability import writing
from pipeline.errors import BusyError, DataError, GristmillError
from pipeline.locks import holding

LOCK = Path("dvc.lock")
DAMAGED_LOCK = Path(".dvc/tmp/dvc.lock.damaged")
LOCK_GUARD = Path(".dvc/tmp/lock")  # DVC holds it while it writes dvc.lock
RWLOCK = Path(".dvc/tmp/rwlock")
RWLOCK_GUARD = Path(".dvc/tmp/rwlock.lock")  # and this one while it writes rwlock
GUARD_WAIT_SECONDS = 10.0
_SUMMARY = "Repairs what a kill of DVC left behind; silent when there is nothing to do."
_log = logging.getLogger("gristmill")


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """One entry of the rwlock: the process that reads or writes a path, and its command line."""

    mode: str  # read, write
    path: str
    pid: int
    cmd: str


def main() -> None:
    """Repairs the DVC repository in the current folder and says what it did, a line for each repair."""
    argparse.ArgumentParser(prog="python -m pipeline.recovery", description=_SUMMARY).parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        for line in repair(Path()):
            _log.info("recovery: %s", line)
    except GristmillError as error:
        _log.error("recovery: %s: %s", type(error).__name__, error)
        sys.exit(error.exit_code)


def repair(root: Path) -> list[str]:
    """Repairs the DVC repository at `root`; one line for each thing that was done, none when all is well.

    Raises BusyError when a running dvc is in the way, DataError when `dvc.lock` waits for a git merge.
    """
    done = []
    if not is_sound_lock(_content(root / LOCK)):
        with _holding(root / LOCK_GUARD):
            done += _repair_lock(root)
    uses = uses_of(_content(root / RWLOCK))
    if uses is None or not all(_lives(use) for use in uses):
        with _holding(root / RWLOCK_GUARD):
            done += _repair_rwlock(root)
    return done


def is_sound_lock(data: bytes | None) -> bool:
    """Whether DVC accepts these bytes as its `dvc.lock`; a missing file (None) is fine."""
    if data is None:
        return True
    try:
        lock = YAML(typ="safe").load(data)
    except (YAMLError, ValueError):
        return False
    if not isinstance(lock, dict) or lock.get("schema") != "2.0":
        return False
    stages = lock.get("stages", {})
    return isinstance(stages, dict) and all(_is_sound_stage(stage) for stage in stages.values())


def uses_of(data: bytes | None) -> list[Use] | None:
    """The entries of an rwlock file (a missing one, None, has none); None when DVC would refuse the bytes."""
    try:
        rwlock = {} if data is None else json.loads(data)
        readers, writers = rwlock.get("read", {}), rwlock.get("write", {})
        uses = [Use("write", path, **info) for path, info in writers.items()]
        uses += [Use("read", path, **info) for path, infos in readers.items() for info in infos]
    except (ValueError, TypeError, AttributeError):
        return None
    typed = all(isinstance(use.pid, int) and isinstance(use.cmd, str) for use in uses)
    return uses if typed and rwlock.keys() <= {"read", "write"} else None


def _repair_lock(root: Path) -> list[str]:
    """Replaces a damaged dvc.lock by the one of git HEAD, or removes it; what it held is kept aside."""
    data = _content(root / LOCK)
    if data is None or is_sound_lock(data):  # a running dvc had been in the middle of writing it
        return []
    if b"\n<<<<<<< " in b"\n" + data:
        raise DataError(f"{LOCK}: holds git conflict markers; `git checkout --ours {LOCK}` takes your side")
    what = f"damaged (kept as {DAMAGED_LOCK})" if data else "empty"
    if data:
        os.replace(root / LOCK, root / DAMAGED_LOCK)
    committed = _committed(root)
    if committed is not None and is_sound_lock(committed):
        _replace(root / LOCK, committed)
        return [f"{LOCK} was {what}; took the one of git HEAD, newer results come back from the run-cache"]
    (root / LOCK).unlink(missing_ok=True)
    return [f"{LOCK} was {what} and git has none; removed it, results come back from the run-cache"]


def _repair_rwlock(root: Path) -> list[str]:
    """Removes a damaged rwlock unless a dvc runs here, and the entries of processes that are gone."""
    uses = uses_of(_content(root / RWLOCK))
    if uses is None:
        pids = _running_dvc(root)
        if pids:
            raise BusyError(f"{RWLOCK}: damaged while dvc (pid {pids[0]}) runs here; wait for it to end")
        (root / RWLOCK).unlink()
        return [f"{RWLOCK} was damaged and no dvc runs here; removed it"]
    if all(_lives(use) for use in uses):
        return []
    kept: dict[str, Any] = {"read": {}, "write": {}}
    for use in filter(_lives, uses):
        info = {"pid": use.pid, "cmd": use.cmd}
        if use.mode == "write":
            kept["write"][use.path] = info
        else:
            kept["read"].setdefault(use.path, []).append(info)
    _replace(root / RWLOCK, json.dumps(kept).encode())
    return [f"{RWLOCK} named a dvc that is gone; took its entries out"]


def _is_sound_stage(stage: Any) -> bool:
    """Whether a stage of dvc.lock has the form that DVC's schema demands."""
    if not isinstance(stage, dict) or not stage.keys() <= {"cmd", "deps", "params", "outs"}:
        return False
    params = stage.get("params", {})
    return (
        isinstance(stage.get("cmd"), str | list)
        and isinstance(params, dict)
        and all(isinstance(values, dict) for values in params.values())
        and all(isinstance(stage.get(part, []), list) for part in ("deps", "outs"))
        and all(_is_sound_file(entry) for part in ("deps", "outs") for entry in stage.get(part, []))
    )


def _is_sound_file(entry: Any) -> bool:
    """Whether a dep or out of dvc.lock has a path, and what it says of hashes and sizes has their form."""
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return False
    md5, kind = entry.get("md5"), entry.get("hash", "md5")
    is_hash = md5 is None or (isinstance(md5, str | int) and len(str(md5)) not in (1, 2))
    sizes = [entry[name] for name in ("size", "nfiles") if name in entry]
    return is_hash and isinstance(kind, str) and all(isinstance(size, int) for size in sizes)


def _lives(use: Use) -> bool:
    """Whether the process that an entry names runs, and is a dvc: the system uses pids again."""
    try:
        return _is_dvc(psutil.Process(use.pid))
    except (psutil.Error, ValueError, OverflowError):
        return False


def _is_dvc(process: psutil.Process) -> bool:
    """Whether the process is a dvc: not one that edits dvc.yaml, say."""
    return any(Path(word).name == "dvc" for word in process.cmdline())


def _running_dvc(root: Path) -> list[int]:
    """The pids of the dvc processes whose working folder lies in `root`."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _is_dvc(process) and Path(process.cwd()).is_relative_to(root.resolve()):
                found.append(process.pid)
    return found


def _holding(guard: Path) -> contextlib.AbstractContextManager[None]:
    """Holds one of DVC's own kernel locks, so that no dvc writes the file it guards."""
    busy = f"{guard}: a running dvc holds it; wait for it to end, then go on"
    return holding(guard, wait_seconds=GUARD_WAIT_SECONDS, busy=busy)


def _committed(root: Path) -> bytes | None:
    """The bytes of dvc.lock in git HEAD, or None when git has none."""
    try:
        done = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _replace(path: Path, data: bytes) -> None:
    with writing(path) as staging:
        staging.write_bytes(data)


if __name__ == "__main__":
    main()
