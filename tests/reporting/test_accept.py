"""`make accept` makes a finished run the baseline, and only a finished one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import IntegrityError
from pipeline.reporting.accept import accept
from pipeline.reporting.metrics.run import FILES
from tests.reporting.material import write_run


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A finished run and the baseline folder as it is in the repository."""
    (tmp_path / "baseline/old").mkdir(parents=True)
    (tmp_path / "baseline/README.md").write_text("read me")
    (tmp_path / "baseline/old/model.json").write_text("{}")
    return write_run(tmp_path)


def test_the_baseline_is_byte_equal_to_the_metrics_and_keeps_its_readme(reports: Path) -> None:
    said = accept(reports / "metrics", reports / "baseline")
    files = {
        path.relative_to(reports / "baseline").as_posix() for path in (reports / "baseline").rglob("*.*")
    }
    assert files == {*FILES, "README.md"}
    for name in FILES:
        assert (reports / "baseline" / name).read_bytes() == (reports / "metrics" / name).read_bytes()
    assert said.startswith(f"{len(FILES)} files are the baseline now, 1 removed")
    assert not (reports / "baseline/old").exists()


def test_an_unfinished_run_is_refused_and_the_baseline_stays(reports: Path) -> None:
    (reports / "metrics/evaluate/int4.json").unlink()
    (reports / "metrics/pack.json").unlink()
    with pytest.raises(
        IntegrityError, match=r"pack\.json and 1 more: missing; only a finished run is accepted"
    ):
        accept(reports / "metrics", reports / "baseline")
    assert (reports / "baseline/old/model.json").exists()
    assert not (reports / "baseline/dedupe.json").exists()


def test_the_command_says_one_line_and_exits_with_the_code_of_the_error(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.reporting.accept"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 6
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(
        "accept: IntegrityError: reports/metrics/ingest/pydocs.json and 23 more: missing"
    )
