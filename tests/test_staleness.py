"""Nothing stale, nothing rerun for nothing: for each change, exactly the stages that must run do.

DVC and the `code` stage are real here, and so are dvc.yaml, params.yaml and every fingerprint. Only the work
of the other stages is replaced by an outline of it (tests/outline.py), so that the table below takes a
minute or two instead of hours. The fast suite takes every fifth change, lets `code` run, asks DVC which
stages it now finds changed, and follows the graph from there; `make test-faults` runs every change of the
table through a whole `dvc repro`, there and back.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.late import Late
from tests.workshop import ROOT, Workshop

dvc_repo = Late("dvc.repo")

SOURCES = ("pydocs", "files", "gutenberg", "openwebtext", "wikipedia", "commoncrawl")
INGEST = {f"ingest@{source}" for source in SOURCES}
CLEAN = {f"clean@{source}" for source in SOURCES}
READERS_OF_PAGES = {"ingest@files", "clean@files", "ingest@commoncrawl", "clean@commoncrawl"}
QUANTIZED = {"evaluate@int8", "evaluate@int4"}
AFTER_EXPORT = {"export", "report"}
AFTER_QUANTIZE = {"quantize", *QUANTIZED, "report"}
AFTER_FINETUNE = {"finetune", "evaluate@tuned"} | AFTER_QUANTIZE | AFTER_EXPORT
AFTER_PRETRAIN = {"pretrain", "evaluate@base"} | AFTER_FINETUNE
AFTER_PACK = {"pack"} | AFTER_PRETRAIN
AFTER_BPE = {"train_bpe"} | AFTER_PACK
AFTER_VALIDATE = {"validate"} | AFTER_BPE
AFTER_DEDUPE = {"dedupe"} | AFTER_VALIDATE
EVALUATE = {"evaluate@base", "evaluate@tuned"} | QUANTIZED
INPUTS = (
    "pipeline",
    "stages",
    "params.yaml",
    "data/sources",
    "data/sources.lock",
    ".venv/lib",
    ".venv/bin/python",
)
TOUCHED = (*INPUTS, "data/code", "dvc.lock", ".dvc/cache/runs")  # the last: what ran once would be restored
EVERYTHING = {"code"} | INGEST | CLEAN | AFTER_DEDUPE


@dataclass(frozen=True)
class Change:
    """An edit of the repository and the stages that must run after it, no more and no fewer."""

    name: str
    apply: Callable[[Workshop], None]
    runs: set[str]


def params(key: str, old: str, new: str, runs: set[str]) -> Change:
    """A changed value of params.yaml; `code` runs too, because it is where the file is checked first."""
    return Change(f"params {key}", lambda shop: shop.edit("params.yaml", old, new), {"code"} | runs)


def code(module: str, runs: set[str]) -> Change:
    """A changed meaning of one module."""
    return Change(
        f"code {module}", lambda shop: append(shop.path / module, "\nCHANGED = True\n"), {"code"} | runs
    )


def library(distribution: str, runs: set[str]) -> Change:
    """Another version of an installed distribution."""
    return Change(f"library {distribution}", lambda shop: upgrade(shop, distribution), {"code"} | runs)


CHANGES = (
    params(
        "ingest.pydocs",
        "standard_library: true",
        "standard_library: false",
        {"ingest@pydocs", "clean@pydocs"} | AFTER_DEDUPE,
    ),
    params(
        "ingest.files",
        "text_column: text",
        "text_column: body",
        {"ingest@files", "clean@files"} | AFTER_DEDUPE,
    ),
    params("clean", "min_entropy_bits: 2.0", "min_entropy_bits: 2.5", CLEAN | AFTER_DEDUPE),
    params("dedupe", "jaccard_threshold: 0.8", "jaccard_threshold: 0.7", AFTER_DEDUPE),
    params("validate", "max_drift_share: 0.5", "max_drift_share: 0.6", AFTER_VALIDATE),
    params("train_bpe", "max_piece_chars: 16", "max_piece_chars: 12", AFTER_BPE),
    params("pack", "block_tokens: 256", "block_tokens: 128", AFTER_PACK),
    params("pretrain", "rope_theta: 10000.0", "rope_theta: 20000.0", AFTER_PRETRAIN),
    params("finetune", "max_pairs: 20000", "max_pairs: 10000", AFTER_FINETUNE),
    params("quantize", "check_blocks: 16", "check_blocks: 8", AFTER_QUANTIZE),
    params("export", "model_name: gristmill", "model_name: miller", AFTER_EXPORT),
    params("evaluate", "bootstrap_samples: 1000", "bootstrap_samples: 500", EVALUATE | {"report"}),
    params("report", "notable_change_share: 0.01", "notable_change_share: 0.02", {"report"}),
    code("pipeline/corpus/sources/pydocs.py", {"ingest@pydocs", "clean@pydocs"} | AFTER_DEDUPE),
    code("pipeline/corpus/sources/gutenberg.py", {"ingest@gutenberg", "clean@gutenberg"} | AFTER_DEDUPE),
    code("pipeline/corpus/wikitext.py", {"ingest@wikipedia", "clean@wikipedia"} | AFTER_DEDUPE),
    code("pipeline/corpus/pages.py", READERS_OF_PAGES | AFTER_DEDUPE),
    code("pipeline/corpus/cleaning.py", CLEAN | AFTER_DEDUPE),
    code("pipeline/corpus/splitting.py", AFTER_DEDUPE),
    code("pipeline/corpus/expectations.py", AFTER_VALIDATE),
    code("pipeline/tokens/packing.py", AFTER_PACK),
    code("pipeline/model/optimization.py", AFTER_PRETRAIN),
    code("pipeline/model/instructions.py", AFTER_FINETUNE),
    code("pipeline/model/quantization.py", AFTER_QUANTIZE | EVALUATE),
    code("pipeline/model/export_gguf.py", AFTER_EXPORT),
    code("pipeline/model/floors.py", EVALUATE | {"report"}),
    code("pipeline/reporting/charts.py", {"report"}),
    code("pipeline/settings/quantize.py", AFTER_QUANTIZE),
    code("pipeline/settings/sections.py", set()),
    code("pipeline/flow.py", set()),
    code("pipeline/artifacts.py", EVERYTHING),
    Change(
        "comment",
        lambda shop: append(shop.path / "pipeline/model/transformer.py", "\n# said again\n"),
        {"code"},
    ),
    Change(
        "docstring",
        lambda shop: shop.edit("pipeline/artifacts.py", '"""The only reader', '"""The one reader'),
        {"code"},
    ),
    Change("yaml comment", lambda shop: append(shop.path / "params.yaml", "# said again\n"), {"code"}),
    Change(
        "document added",
        lambda shop: append(shop.path / "data/sources/files/letter.txt", "Dear reader,\n"),
        {"ingest@files", "clean@files"} | AFTER_DEDUPE,
    ),
    Change(
        "file pinned",
        lambda shop: append(shop.path / "data/sources.lock", f"{'0' * 64} 1 https://example.org/a\n"),
        INGEST | CLEAN | AFTER_DEDUPE,
    ),
    library("matplotlib", {"ingest@pydocs", "clean@pydocs"} | AFTER_DEDUPE),  # pydocs reads it
    library("resiliparse", READERS_OF_PAGES | AFTER_DEDUPE),
    library("sentencepiece", AFTER_BPE),
    library("torch", {"ingest@pydocs", "clean@pydocs"} | AFTER_DEDUPE),
    library("pyarrow", EVERYTHING),
    library("dask", set()),  # which changes no byte
    library("tqdm", set()),
    Change("interpreter", lambda shop: append(shop.path / ".venv/bin/python", "# patched\n"), {"code"}),
    Change("library added", lambda shop: install(shop, "newcomer"), {"code"}),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A workshop whose stages are outlines, once reproduced."""
    workshop = Workshop(tmp_path_factory.mktemp("staleness"))
    outline_interpreter(workshop)
    ran, _ = workshop.repro()
    assert ran == EVERYTHING
    return workshop


@pytest.mark.parametrize("change", CHANGES[::5], ids=lambda change: change.name)
def test_a_change_reaches_exactly_the_stages_it_must(
    shop: Workshop, before: Path, affected: Callable[[], set[str]], change: Change
) -> None:
    change.apply(shop)
    reached = affected()
    restore(shop, before)
    assert reached == change.runs


@pytest.mark.faults
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_runs_its_stages_and_taken_back_restores_them(
    shop: Workshop, before: Path, change: Change
) -> None:
    change.apply(shop)
    assert shop.repro() == (change.runs, set())
    restore(shop, before, INPUTS)
    assert shop.repro() == (set(), change.runs), "a change taken back comes from the run-cache"


def test_repro_with_nothing_to_do_runs_nothing(shop: Workshop) -> None:
    assert shop.repro() == (set(), set())


def outline_interpreter(shop: Workshop) -> None:
    """Replaces .venv by one whose interpreter outlines every stage but `code`, with the same distributions
    listed.
    """
    (shop.path / ".venv").unlink()
    real, packages = (
        Path(sys.prefix),
        Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages"),
    )
    for file in (real / packages).glob("*.dist-info/*"):
        if file.name in {"METADATA", "RECORD", "WHEEL", "top_level.txt"}:
            copy = shop.path / ".venv" / packages / file.parent.name / file.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    interpreter = shop.path / ".venv/bin/python"
    interpreter.parent.mkdir()
    interpreter.write_text(
        "#!/bin/sh\n"
        f'if [ "$2" = stages.code ]; then PYTHONPATH=.venv/{packages} exec {sys.executable} "$@"; fi\n'
        f'exec {sys.executable} -S -E {ROOT}/tests/outline.py "$@"\n'
    )
    interpreter.chmod(0o755)
    with dvc_repo.Repo(str(shop.path)) as repo:
        outline = [
            {
                "cmd": stage.cmd,
                "deps": [dep.def_path for dep in stage.deps if dep.def_path != "params.yaml"],
                "params": any(dep.def_path == "params.yaml" for dep in stage.deps),
                "outs": [out.def_path for out in stage.outs],
            }
            for stage in repo.index.stages
        ]
    (shop.path / ".venv/outline.json").write_text(json.dumps(outline))


@pytest.fixture(scope="module")
def before(shop: Workshop) -> Path:
    """The workshop as every change finds it."""
    return snapshot(shop)


@pytest.fixture(scope="module")
def affected(shop: Workshop) -> Iterator[Callable[[], set[str]]]:
    """What tests/affected.py finds, asked as often as one likes."""
    command = [sys.executable, str(ROOT / "tests/affected.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=shop.path, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def ask() -> set[str]:
            questions.write("\n")
            questions.flush()
            return set(json.loads(next(line for line in answers if line.startswith("["))))

        yield ask


def append(path: Path, text: str) -> None:
    """Adds text to the end of a file, which may be new."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def upgrade(shop: Workshop, distribution: str) -> None:
    """Gives the distribution's metadata another version, as installing one would."""
    (folder,) = shop.path.glob(f".venv/lib/python*/site-packages/{distribution}-*.dist-info")
    lines = (folder / "METADATA").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "METADATA").write_text(
        "".join("Version: 99.0\n" if line.startswith("Version:") else line for line in lines),
        encoding="utf-8",
    )
    folder.rename(folder.with_name(f"{distribution}-99.0.dist-info"))


def install(shop: Workshop, distribution: str) -> None:
    """Adds the metadata of a distribution that nothing requires or imports."""
    (packages,) = shop.path.glob(".venv/lib/python*/site-packages")
    folder = packages / f"{distribution}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (folder / "WHEEL").write_text("Wheel-Version: 1.0\n")
    (folder / "RECORD").write_text(f"{distribution}/__init__.py,,\n")


def snapshot(shop: Workshop) -> Path:
    """A copy of everything that the changes above may touch."""
    kept = shop.path.parent / f"{shop.path.name}-before"
    for name in TOUCHED:
        source, target = shop.path / name, kept / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
    return kept


def restore(shop: Workshop, kept: Path, names: tuple[str, ...] = TOUCHED) -> None:
    """Puts the snapshot back, or the named parts of it; what was not touched stays, with its times."""
    for name in names:
        for path in files_of(shop.path / name) - {shop.path / file for file in relative(kept, name)}:
            path.unlink()
            with contextlib.suppress(OSError):  # a renamed folder is empty now
                path.parent.rmdir()
        for file in relative(kept, name):
            target = shop.path / file
            if not target.is_file() or not filecmp.cmp(kept / file, target):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(kept / file, target)


def relative(kept: Path, name: str) -> list[Path]:
    """The files of one part of the snapshot, from its root."""
    return [path.relative_to(kept) for path in files_of(kept / name)]


def files_of(path: Path) -> set[Path]:
    """The file itself, or all files below the folder."""
    return {found for found in path.rglob("*") if found.is_file()} if path.is_dir() else {path}
