"""Files that are there whole or not at all, even when the machine stops."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A file to write beside `path`; on a clean exit it reaches the disk and then becomes `path`, at once.

    So a record that is written later never vouches for a file whose bytes were still in memory. On an error
    nothing appears.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.writing")
    try:
        yield staging
        flush(staging)
        os.replace(staging, path)
        flush(path.parent)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


def flush(path: Path) -> None:
    """Returns when the file's bytes, or the names in the folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
