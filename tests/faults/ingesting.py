"""`ingest` of Project Gutenberg as a command in a folder of its own, and books for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.corpus.pins import PINS, write_pins

ROOT = Path(__file__).resolve().parent.parent.parent
MARK = b"OF THE PROJECT GUTENBERG EBOOK A TALE ***"


def book(number: int = 0, lines: int = 30) -> bytes:
    """A book with its marks, whose lines tell its number."""
    told = b"\n".join(b"Line %d of tale %d." % (line, number) for line in range(lines))
    return b"*** START %b\n\n%b\n\n*** END %b\n" % (MARK, told, MARK)


def start(folder: Path, mirror: str, *ids: int, **knobs: object) -> subprocess.Popen[str]:
    """Starts `ingest` of these books from the mirror into `folder`/out; without pins when there are none."""
    params = YAML(typ="safe").load((ROOT / "profiles/tiny.yaml").read_text(encoding="utf-8"))
    params["ingest"]["gutenberg"].update({"enabled": True, "mirror": mirror, "ids": list(ids), **knobs})
    YAML().dump(params, folder / "params.yaml")
    (folder / "code.json").write_text("{}")
    (folder / "data/sources/gutenberg").mkdir(parents=True, exist_ok=True)
    if not (folder / PINS).exists():
        write_pins(folder / PINS, {})
    arguments = ["code.json", "data/sources/gutenberg", str(PINS), "out", "metrics.json"]
    return subprocess.Popen(
        [sys.executable, "-m", "stages.ingest", *arguments, "--source", "gutenberg"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "GRISTMILL_SECONDS_BETWEEN_REQUESTS": "0", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ingest(folder: Path, mirror: str, *ids: int, **knobs: object) -> tuple[int, str]:
    """The exit code of the command, and what it said."""
    process = start(folder, mirror, *ids, **knobs)
    _, said = process.communicate()
    return process.returncode, said
