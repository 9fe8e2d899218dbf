"""`make bench NAME=filters`: one measurement, its table, and a last line that holds it against its bar."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType

from pipeline.corpus.ingestion import Rejected
from pipeline.corpus.repairs import repair
from pipeline.corpus.sources import files, pydocs
from pipeline.errors import GristmillError, ParamsError
from pipeline.settings.ingest import FilesParams, PydocsParams

NAMES = (
    *("clean", "filters", "language", "dedupe", "dedupe-quality", "growth", "cores", "gutenberg"),
    *("tokenizer", "resume", "damage", "processes", "safety", "first-step"),
    *("throughput", "throughput-shapes", "quality", "equal-time", "recipe", "exports", "gpu"),
)
PARAMS_FILE = Path(__file__).resolve().parent.parent / "params.yaml"
CORPUS = "CORPUS"  # the environment variable that names a folder of text to measure on


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark found; it meets the bar when every figure reaches its own."""

    table: tuple[tuple[str, ...], ...]  # rows of cells, the first one is the head
    figures: tuple[tuple[str, float, float], ...]  # what, found, at least


def main() -> None:
    """Runs the benchmark that the command line names; exits with 0 when it meets its bar, else with 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    name = parser.parse_args().name
    try:
        result: Result = importlib.import_module(f"benchmarks.{name.replace('-', '_')}").measure()
    except GristmillError as error:
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(error.exit_code)
    for row in result.table:
        sys.stdout.write("| " + " | ".join(row) + " |\n")
        if row is result.table[0]:
            sys.stdout.write("|---" * len(row) + "|\n")
    met = all(found >= least for _, found, least in result.figures)
    said = "; ".join(f"{what} {found:.4g}, bar {least:.4g}" for what, found, least in result.figures)
    sys.stdout.write(f"{name}: {said}: {'ok' if met else 'short'}\n")
    sys.exit(not met)


def texts(*, min_chars: int, at_most: int, patterns: tuple[str, ...] = ("**",)) -> list[str]:
    """Repaired documents of the folder that CORPUS names, else docstrings of installed packages.

    The first `at_most` that have `min_chars` characters or more; ParamsError when there is none.
    """
    repaired = (repair(raw, unwrap=False).text for raw in raw_texts(patterns))
    found = (text for text in repaired if len(text) >= min_chars)
    taken = list(islice(found, at_most))
    if not taken:
        raise ParamsError(f"{CORPUS}: holds no document of {min_chars} characters or more")
    return taken


def corpus() -> Path | None:
    """The folder that CORPUS names, or None where it names none; ParamsError when there is no such folder."""
    named = os.environ.get(CORPUS)
    if named and not Path(named).is_dir():
        raise ParamsError(f"{CORPUS}={named}: is no folder; name one that holds text")
    return Path(named) if named else None


def raw_texts(patterns: tuple[str, ...] = ("**",)) -> Iterator[str]:
    """Documents as they are read from the folder that CORPUS names, of files that match one of the patterns,
    else docstrings of installed packages. DataError when no file matches any of them.
    """
    place = corpus()
    if place is not None:
        source: ModuleType = files
        matching = tuple(pattern for pattern in patterns if any(place.glob(pattern))) or patterns
        params = FilesParams(True, matching, "text", (), "", 1.0)
        parts = files.parts(place, params, downloads=place)
    else:
        source = pydocs
        packages = ("matplotlib", "numpy", "pandas", "torch")
        parts = pydocs.parts(Path(), PydocsParams(True, True, packages, 1, 1.0), downloads=Path())
    for part in parts.values():
        for document in source.read(part):
            if not isinstance(document, Rejected):
                yield document.text


if __name__ == "__main__":
    main()
