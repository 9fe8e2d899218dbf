"""What a source read from the network: the size and hash of each file, which tell whether two runs read the
same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts import hash_file


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched, named below the folder of downloads."""

    file: str
    bytes: int
    sha256: str


def fetched_files(parts: Mapping[str, Any], downloads: Path) -> list[Fetched]:
    """Every file below `downloads` that a part of a source names in its `paths`, in order of names."""
    paths = {path for part in parts.values() for path in getattr(part, "paths", ())}
    return [
        Fetched(path.relative_to(downloads).as_posix(), path.stat().st_size, hash_file(path))
        for path in sorted(paths)
        if path.is_relative_to(downloads)
    ]
