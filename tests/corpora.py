"""Where the real data for tests is: GRISTMILL_CORPORA, or `../shared/corpora` beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def corpora(name: str) -> Path:
    """A folder of the real data; the test is skipped, saying so, where it is not there."""
    place = Path(os.environ.get("GRISTMILL_CORPORA", ROOT.parent / "shared" / "corpora")) / name
    if not place.is_dir():
        pytest.skip(f"no real data at {place}: set GRISTMILL_CORPORA")
    return place
