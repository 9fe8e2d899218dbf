"""What a source read from the network: the address, size and hash of each file, which tell whether two runs
read the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts import canonical_json
from pipeline.corpus.entries import entry_of
from pipeline.corpus.pins import Pin

MISSING = "missing"  # the reason of what a source was asked for and does not have


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched, and whether data/sources.lock says what it must be."""

    url: str
    bytes: int
    sha256: str
    pinned: bool


def fetched_files(parts: Mapping[str, Any], downloads: Path, pins: Mapping[str, Pin]) -> list[Fetched]:
    """Every file of the store `downloads` that a part of a source reads, its `paths`, or that decided what is
    read, its `consulted`; in the order of addresses.
    """
    fields = ("paths", "consulted")
    paths = {path for part in parts.values() for field in fields for path in getattr(part, field, ())}
    found = []
    for path in paths:
        if path.is_relative_to(downloads):
            entry = entry_of(path)
            assert entry is not None, f"{path} was fetched, but not by the store"
            found.append(Fetched(entry.url, entry.bytes, entry.sha256, entry.url in pins))
    return sorted(found, key=lambda fetched: fetched.url)


def missing_documents(parts: Mapping[str, Any]) -> list[str]:
    """Where the documents should have been that a source was asked for and that are nowhere."""
    passed_over = (item for part in parts.values() for item in getattr(part, "passed_over", ()))
    return [item.origin for item in passed_over if item.reason == MISSING]


def identity(fetched: Sequence[Fetched]) -> str:
    """A name for just these bytes: what was made of others, before a kill, must not be gone on from."""
    return hashlib.sha256(canonical_json([file.sha256 for file in fetched])).hexdigest()[:16]


def said_of_unpinned(fetched: Sequence[Fetched], *, source: str, lock: Path) -> str:
    """How many of a source's files may be others tomorrow, in a line."""
    loose = [file.url for file in fetched if not file.pinned]
    return (
        f"{source}: {len(loose)} of {len(fetched)} fetched files are not pinned in {lock}, such as "
        f"{loose[0]}; `make lock-sources` pins them"
    )
