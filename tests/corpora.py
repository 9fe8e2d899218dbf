"""Where the real data for tests is: the folder that GRISTMILL_CORPORA names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def corpora(name: str) -> Path:
    """A folder of the real data; the test is skipped, saying so, where it is not there."""
    folder = os.environ.get("GRISTMILL_CORPORA")
    if not folder or not (Path(folder) / name).is_dir():
        pytest.skip(f"no real data: GRISTMILL_CORPORA names no folder that holds {name}")
    return Path(folder) / name
