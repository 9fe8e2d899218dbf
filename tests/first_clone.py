"""One whole `dvc repro` at the size of profiles/tiny.yaml, shared by all processes of a test run."""

from __future__ import annotations

import os

import pytest

from pipeline.locks import holding
from tests.workshop import Workshop

ALL_STAGES = 26
_LONGEST_SECONDS = 1200.0  # that another process may take for it


def first_clone(temporary: pytest.TempPathFactory) -> tuple[Workshop, str]:
    """The workshop and the dvc.lock that its first `dvc repro` wrote; whoever comes first makes them."""
    base = temporary.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    kept = shared / "first-dvc.lock"
    with holding(shared / "first", wait_seconds=_LONGEST_SECONDS, busy="the first clone is still made"):
        workshop = Workshop(shared / "mill", profile="tiny")
        if not kept.exists():
            ran, restored = workshop.repro()
            assert (len(ran), restored) == (ALL_STAGES, set())
            kept.write_text(workshop.lock(), encoding="utf-8")
    return workshop, kept.read_text(encoding="utf-8")
