"""The stages `clean` and `dedupe` as commands in a folder of their own, on as many documents as asked for."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.duplicates import PARAMS_FILE, pieces
from pipeline.artifacts import publishing, read_json
from pipeline.corpus.shards import write_shards
from pipeline.errors import DataError
from pipeline.records import Document, document_id

SOURCE = "files"
STAGES = {
    f"clean@{SOURCE}": ("clean", "ingest", f"clean/{SOURCE}", f"clean-{SOURCE}.json", "--source", SOURCE),
    "dedupe": ("dedupe", "clean", "evaluations", "dedupe", "dedupe.json"),
}
MOST_PIECES = 20_000
BLOCK_WORDS = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """What both stages together took; `peak_bytes` is that of the largest process."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measured(folder: Path, documents: int, texts: Sequence[str], *, processes: int) -> Cost:
    """Writes the documents, runs both stages on them and takes all away again.

    DataError when a stage fails.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with publishing(folder / "ingest", kind="documents", facts={"documents": documents}) as out:
        write_shards(_documents(documents, texts), out)
    shutil.copyfile(PARAMS_FILE, folder / "params.yaml")
    (folder / "evaluations").mkdir()
    (folder / "code.json").write_text("{}", encoding="utf-8")
    environment = {
        **os.environ,
        "GRISTMILL_PROCESSES": str(processes),
        "PYTHONPATH": str(PARAMS_FILE.parent),
    }
    for identity, (stage, *arguments) in STAGES.items():
        command = [sys.executable, "-m", f"stages.{stage}", "code.json", *arguments]
        if subprocess.run(command, cwd=folder, env=environment).returncode:
            raise DataError(f"{identity} failed; its own lines are above")
    timings = [read_json(folder / f"reports/timings/{identity}.json") for identity in STAGES]
    shutil.rmtree(folder)
    return Cost(
        sum(each["seconds"] for each in timings),
        sum(each["cpu_seconds"] for each in timings),
        max(each["peak_bytes"] for each in timings),
    )


def originals() -> list[str]:
    """The texts that documents are made of."""
    return pieces(at_most=MOST_PIECES)


def _documents(count: int, texts: Sequence[str]) -> Iterator[Document]:
    """Documents sorted by id, each a text whose words stand in another order by blocks of BLOCK_WORDS."""
    ids = sorted((document_id(SOURCE, str(number)), number) for number in range(count))
    for name, number in ids:
        words = texts[number % len(texts)].split(" ")
        blocks = [" ".join(words[at : at + BLOCK_WORDS]) for at in range(0, len(words), BLOCK_WORDS)]
        random.Random(number).shuffle(blocks)
        yield Document(name, SOURCE, str(number), "", "", "{}", " ".join(blocks))
