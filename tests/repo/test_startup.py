"""Commands start without paying for what they do not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = (
    "torch",
    "pandas",
    "great_expectations",
    "matplotlib",
    "sentencepiece",
    "prefect",
    "transformers",
    "dvc",
    "dask",
    "ftfy",
    "py3langid",
    "httpx",
    "resiliparse",
    "fastwarc",
    "wikitextparser",
)
LOAD = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
except SystemExit as end:
    sys.stderr.write(" ".join(name for name in {heavy!r} if name in sys.modules))
    sys.exit(end.code)
"""


@pytest.mark.parametrize(
    ("module", "needs"),
    [
        ("stages.code", ()),
        ("stages.ingest", ()),
        ("stages.clean", ()),
        ("stages.dedupe", ()),
        ("stages.train_bpe", ("sentencepiece",)),
        ("stages.pack", ("sentencepiece",)),
        ("stages.where", ()),
        ("stages.report", ("matplotlib",)),
        ("pipeline.recovery", ()),
        ("pipeline.documentation", ()),
    ],
)
def test_help_loads_nothing_heavy_that_the_command_does_not_need(module: str, needs: tuple[str, ...]) -> None:
    script = LOAD.format(heavy=[name for name in HEAVY if name not in needs])
    done = subprocess.run([sys.executable, "-c", script, module], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "usage: python -m " in done.stdout
