"""Results of shards that outlive a run: what an unchanged shard gave the last time is not computed again.

A task is known by its *key*, a hash of all that its result follows from: the stage's code, the bytes of the
shard, the params. Its files and the record of its result lie in one folder below `.work/cache/`, named by the
key. The files' hashes are kept beside them and checked before they are used again; what the last run did
not ask for is removed, so that the folder holds the results of one run and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pipeline.artifacts import canonical_json, hash_file, read_json, write_json
from pipeline.engine import map_shards
from pipeline.errors import IntegrityError

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
_HASHES = "hashes.json"


class Results:
    """The results of one map over shards, in a folder of their own."""

    def __init__(self, folder: Path, *, code: str) -> None:
        """`code` is the fingerprint of the code that makes the results."""
        self.folder = folder
        self._code = code

    def key(self, *facts: Any) -> str:
        """The key of a result that follows from these JSON values and dataclasses, and the code."""
        return hashlib.sha256(canonical_json([self._code, *facts])).hexdigest()[:32]

    def file(self, key: str, suffix: str) -> Path:
        """Where a task puts a file of its own; `suffix` starts with a point."""
        return self.folder / f"{key}{suffix}"

    def map_shards(
        self,
        function: Callable[[_Task], _Result],
        tasks: Mapping[str, _Task] | Iterator[tuple[str, _Task]],
        *,
        result: type[_Result],
        label: str,
    ) -> dict[str, _Result]:
        """`engine.map_shards` over tasks named by their keys, without those whose results are here and
        sound.
        """
        hashes = self._hashes()

        def checked(tasks: Iterable[tuple[str, _Task]]) -> Iterator[tuple[str, _Task]]:
            for key, task in tasks:
                if not self._is_sound(key, hashes):
                    self.file(key, ".done.json").unlink(missing_ok=True)
                yield key, task

        tasks = dict(checked(tasks.items())) if isinstance(tasks, Mapping) else checked(tasks)
        done = map_shards(function, tasks, result=result, work=self.folder, label=label)
        self._keep_only(done.keys())
        return done

    def _hashes(self) -> dict[str, dict[str, str]] | None:
        """The SHA-256 of each file, by key and name, as the last whole run left it; None when lost."""
        record = self.folder / _HASHES
        try:
            found: Any = read_json(record) if record.exists() else {}
        except IntegrityError:
            return None
        return found if isinstance(found, dict) else None

    def _is_sound(self, key: str, hashes: dict[str, dict[str, str]] | None) -> bool:
        """Whether the key's files are as they were written; so are those of a run that was cut short."""
        if hashes is None:
            return False
        files = {self.folder / name: sha256 for name, sha256 in hashes.get(key, {}).items()}
        return all(path.is_file() and hash_file(path) == sha256 for path, sha256 in files.items())

    def _keep_only(self, keys: Collection[str]) -> None:
        """Removes the files of all other keys and records the hashes of what is left."""
        hashes: dict[str, dict[str, str]] = {key: {} for key in keys}
        for path in sorted(self.folder.iterdir()):
            key = path.name.partition(".")[0]
            if key not in hashes:
                path.unlink()
            elif not path.name.endswith(".done.json"):
                hashes[key][path.name] = hash_file(path)
        write_json(self.folder / _HASHES, hashes)
