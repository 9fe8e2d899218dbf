"""The whole clean stage on one core: read shards, repair, judge by every rule that is on by default, write.

The documents of CORPUS are taken for OpenWebText's, for which params.yaml has all families of rules and the
language on; without CORPUS they are docstrings, for which it has neither. They come as they are read, not
repaired before. The figure is megabytes of text (UTF-8) per processor second, the median of several rounds;
loading the language model is part of the first one alone.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from benchmarks.bench import PARAMS_FILE, Result, corpus, raw_texts
from pipeline.artifacts import publishing
from pipeline.corpus.ingestion import document
from pipeline.corpus.shards import by_id, write_shards
from pipeline.errors import ParamsError
from pipeline.params import load
from pipeline.settings.sections import SECTIONS
from pipeline.stage import Work
from stages.clean import CleanMetrics, run

ROUNDS = 3
DOCUMENTS = 20_000
LEAST_MEGABYTES = 4.0  # a second


def measure() -> Result:
    """Megabytes per processor second of the stage, and what became of the documents."""
    os.environ["GRISTMILL_PROCESSES"] = "1"
    with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
        metrics, seconds = zip(*_rounds(Path(folder)), strict=True)
    account: CleanMetrics = metrics[0]
    megabytes = account.bytes_in / 1e6
    median = statistics.median(seconds)
    rows = (
        ("rules for", "documents", "bytes of one", "kept", "MB", "processor seconds", "MB/s"),
        (
            account.source,
            f"{account.documents_in:,}",
            f"{account.bytes_in / account.documents_in:,.0f}",
            f"{account.documents_kept:,}",
            f"{megabytes:.1f}",
            ", ".join(f"{each:.2f}" for each in seconds),
            f"{megabytes / median:.2f}",
        ),
    )
    return Result(rows, (("MB/s", megabytes / median, LEAST_MEGABYTES),))


def _rounds(folder: Path) -> Iterator[tuple[CleanMetrics, float]]:
    texts = islice((text for text in raw_texts() if text), DOCUMENTS)
    source = "openwebtext" if corpus() else "pydocs"
    documents = sorted((document(source, str(n), text) for n, text in enumerate(texts)), key=by_id)
    if not documents:
        raise ParamsError("CORPUS: holds no document")
    with publishing(folder / "in", kind="documents", facts={"documents": len(documents)}) as out:
        write_shards(documents, out)
    params = load(PARAMS_FILE, SECTIONS)["clean"]
    for turn in range(ROUNDS):
        work = Work(folder / f"work-{turn}")
        started = time.process_time()
        metrics = run(folder / "in", folder / f"out-{turn}", source=source, params=params, work=work)
        yield metrics, time.process_time() - started
