"""The whole pipeline on real corpora, as tables for RESULTS.md: documents, bits per byte, time, memory.

    python -m benchmarks.corpora --corpora DIR --out measured --only gutenberg,files

Each corpus runs by `dvc repro` in a copy of this repository, as the only source that is on. Its folder is
linked, not copied. The models are tuned on a file of prompt/response pairs, since only the documentation of
Python packages brings its own. `--out` receives for every corpus the tables, the params and its reports.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.errors import DataError, GristmillError, ParamsError
from pipeline.records import HELD_OUT, SPLITS
from pipeline.reporting import numerals
from pipeline.reporting.metrics.run import MODELS, SOURCES, Run, read_run
from pipeline.reporting.metrics.text import Clean, Dedupe, Ingest
from pipeline.reporting.weather import Timing, read_timings
from tests.workshop import ROOT, Workshop

CORPORA = {
    "gutenberg": "gutenberg",
    "files": "web",
    "openwebtext": "web/openwebtext_layout",
}  # source: folder
PAIRS = "instruct/rasbt/instruction-data.json"
SHOWN_SECONDS = 1.0  # faster stages are only part of the sum
_FAR_FEWER_DOCUMENTS = {  # than the gate asks of the default corpus
    "validate.min_train_documents": 10,
    "validate.min_heldout_documents": 1,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One finished run; `seconds` is the whole of `dvc repro`."""

    name: str
    profile: str
    run: Run
    timings: Sequence[Timing]
    seconds: float


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the corpora one after the other and writes their tables; exits with 1 when one of them failed."""
    arguments = _parse(argv)
    failed = False
    for name in arguments.only:
        try:
            tables = "\n".join(tables_of(measure(name, arguments)))
        except GristmillError as error:
            sys.stderr.write(f"{name}: {error}\n")
            failed = True
            continue
        (arguments.out / f"{name}.md").write_text(tables, encoding="utf-8")
        sys.stdout.write(tables)
        sys.stdout.flush()
    sys.exit(failed)


def measure(name: str, arguments: argparse.Namespace) -> Measured:
    """The pipeline's run on one corpus, kept below `arguments.out`; DataError when `dvc repro` fails."""
    kept = arguments.out / name
    shutil.rmtree(kept, ignore_errors=True)
    with _scratch(arguments.scratch) as folder:
        shop = Workshop(folder)
        for accepted in (folder / "reports/baseline").rglob("*.json"):
            accepted.unlink()  # drift from another corpus means nothing
        _link(folder / "data/sources" / name, arguments.corpora / CORPORA[name])
        shutil.copyfile(arguments.pairs, folder / "data/sources/instructions/pairs.json")
        settings = {**_only_source(name), **_FAR_FEWER_DOCUMENTS, **dict(arguments.set)}
        write_params(arguments.profile, folder / "params.yaml", settings)
        started = time.monotonic()
        done = subprocess.run([folder / ".venv/bin/dvc", "repro"], cwd=folder, env=shop.environment, stdout=2)
        seconds = time.monotonic() - started
        for part in ("reports", "params.yaml", "dvc.lock"):
            _keep(folder / part, kept / part)
        if done.returncode:
            raise DataError(f"dvc repro failed after {numerals.duration(seconds)}; its own lines are above")
    run, timings = read_run(kept / "reports/metrics"), read_timings(kept / "reports/timings")
    return Measured(name, arguments.profile.name, run, timings, seconds)


def write_params(profile: Path, out: Path, settings: Mapping[str, Any]) -> None:
    """Writes the profile with some settings changed and its comments; ParamsError for a key it lacks."""
    yaml = YAML()
    params = yaml.load(profile)
    for key, value in settings.items():
        *sections, last = key.split(".")
        place = params
        for section in sections:
            place = place.get(section, {})
        if last not in place:
            raise ParamsError(f"{profile}: {key}: there is no such key")
        place[last] = value
    yaml.dump(params, out)


def tables_of(measured: Measured) -> Iterator[str]:
    """The lines of one corpus: heading, documents, tokens, bits per byte, time and memory."""
    run = measured.run
    largest = max(measured.timings, key=lambda timing: timing.peak_bytes)
    yield f"### {measured.name}\n"
    yield (
        f"`{measured.profile}`, {run.evaluate['base'].parameters:,} parameters: "
        f"{numerals.duration(measured.seconds)} in all, "
        f"at most {numerals.size(largest.peak_bytes)} in one process ({largest.stage})\n"
    )
    yield from _table(["stage", "documents in", "kept", "dropped"], _account(run, measured.name))
    yield from _table(["split", "documents", "bytes", "tokens", "bytes per token"], _splits(run))
    yield from _table(["bits per byte", *HELD_OUT], _scores(run))
    slow = [timing for timing in measured.timings if timing.seconds >= SHOWN_SECONDS]
    rows = [[each.stage, numerals.duration(each.seconds), numerals.size(each.peak_bytes)] for each in slow]
    yield from _table(["stage", "time", "peak memory"], rows)


def _account(run: Run, source: str) -> Iterator[list[str]]:
    """Where the documents went: one row per stage, every reason with its count, the most frequent first."""
    steps: dict[str, Ingest | Clean | Dedupe] = {
        "ingest": run.ingest[source],
        "clean": run.clean[source],
        "dedupe": run.dedupe,
    }
    for stage, step in steps.items():
        reasons = sorted(step.dropped.items(), key=lambda reason: (-reason[1], reason[0]))
        said = ", ".join(f"{numerals.count(count)} {reason}" for reason, count in reasons if count)
        yield [stage, numerals.count(step.documents_in), numerals.count(step.documents_kept), said or "none"]


def _splits(run: Run) -> Iterator[list[str]]:
    for name in SPLITS:
        split = run.pack.splits[name]
        counts = [numerals.count(value) for value in (split.documents, split.bytes, split.tokens)]
        yield [name, *counts, numerals.decimal(split.bytes_per_token, digits=2)]


def _scores(run: Run) -> Iterator[list[str]]:
    """Every model with its interval, then the floors."""
    for model in MODELS:
        totals = [run.evaluate[model].splits[split].total for split in HELD_OUT]
        yield [
            model,
            *(
                f"{numerals.decimal(each.bits_per_byte)} ({numerals.interval(each.interval)})"
                for each in totals
            ),
        ]
    floors = [run.evaluate["base"].floors[split].named() for split in HELD_OUT]
    for floor in floors[0]:
        yield [floor, *(numerals.decimal(each[floor]) for each in floors)]


def _table(heads: Sequence[str], rows: Iterator[list[str]] | list[list[str]]) -> Iterator[str]:
    """A Markdown table and an empty line."""
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def _only_source(name: str) -> dict[str, Any]:
    """The settings under which one source is on and tuning learns from files."""
    switches: dict[str, Any] = {f"ingest.{source}.enabled": source == name for source in SOURCES}
    return {**switches, "finetune.from_documentation": False, "finetune.from_files": True}


@contextlib.contextmanager
def _scratch(parent: Path | None) -> Iterator[Path]:
    """A folder for one run that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="gristmill-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(link: Path, folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; --corpora names the folder that holds it")
    shutil.rmtree(link, ignore_errors=True)
    link.symlink_to(folder.resolve())


def _keep(path: Path, kept: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, kept)
    elif path.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.corpora", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--corpora", type=Path, required=True, help=f"folder with {', '.join(CORPORA.values())}"
    )
    parser.add_argument("--only", type=_names, default=list(CORPORA), help=f"some of {','.join(CORPORA)}")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and reports")
    parser.add_argument(
        "--profile", type=Path, default=ROOT / "profiles/tiny.yaml", help="params to start from"
    )
    parser.add_argument(
        "--set", type=_setting, action="append", default=[], metavar="KEY=VALUE", help="one param"
    )
    parser.add_argument("--pairs", type=Path, help=f"prompt/response pairs (default: {PAIRS} of the corpora)")
    parser.add_argument("--scratch", type=Path, help="where the copies of the repository lie while they run")
    arguments = parser.parse_args(argv)
    arguments.pairs = arguments.pairs or arguments.corpora / PAIRS
    if not arguments.pairs.is_file():
        parser.error(f"{arguments.pairs}: no such file; name one with --pairs")
    arguments.out.mkdir(parents=True, exist_ok=True)
    return arguments


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in CORPORA]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(CORPORA)}")
    return names


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, YAML(typ="safe", pure=True).load(value)


if __name__ == "__main__":
    main()
