"""Near-deduplication from reading to writing, beside a script around rensa, on the same Parquet shards.

Both run in one process, in turns; figures are documents per processor second, medians of ROUNDS. The stage
also verifies what it reads, checks each candidate pair, splits, writes the table of clusters and flushes all
to the disk. The script does what its users do: shingles in Python, signatures and LSH by rensa, the rest
written back.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bench import Result
from benchmarks.duplicates import PARAMS_FILE, pieces, planted, publish
from pipeline.corpus.shards import shard_paths
from pipeline.errors import ParamsError
from pipeline.params import load
from pipeline.settings.sections import SECTIONS
from pipeline.stage import Work
from stages.dedupe import run

ROUNDS = 5
DOCUMENTS = 50_000
LEAST_PER_SECOND = 8000.0
BANDS = 16  # of rensa's 128 permutations, with which its recall at 0.8 is .97


def measure() -> Result:
    """Documents per processor second of both, and their ratio."""
    os.environ["GRISTMILL_PROCESSES"] = "1"
    originals = pieces(at_most=DOCUMENTS)
    texts = [*originals, *planted(originals, seed=1)]
    params = load(PARAMS_FILE, SECTIONS)["dedupe"]
    script = _script(params)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        publish(folder / "clean/files", texts)

        def ours(out: Path) -> int:
            return run(
                folder / "clean", folder / "none", out / "dedupe", params=params, work=Work(out)
            ).documents_kept

        def theirs(out: Path) -> int:
            return script(folder / "clean/files", out / "kept.parquet")

        judged = {"gristmill": ours, "rensa": theirs}
        seconds: dict[str, list[float]] = {name: [] for name in judged}
        walls: dict[str, list[float]] = {name: [] for name in judged}
        kept: dict[str, int] = {}
        for turn in range(ROUNDS + 1):
            for name, judge in judged.items():
                out = folder / f"{name}-{turn}"
                out.mkdir()
                started, used = time.monotonic(), time.process_time()
                kept[name] = judge(out)
                if turn:  # the first one imports what it needs
                    seconds[name].append(time.process_time() - used)
                    walls[name].append(time.monotonic() - started)
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    rows = [("", "documents/s of processor time", "documents/s", "kept")]
    rows += [
        (
            name,
            f"{len(texts) / medians[name]:,.0f}",
            f"{len(texts) / statistics.median(walls[name]):,.0f}",
            f"{kept[name]:,}",
        )
        for name in judged
    ]
    characters = sum(map(len, texts)) / len(texts)
    rows.append((f"{len(texts):,} documents of {characters:,.0f} characters", "", "", ""))
    ratio = medians["rensa"] / medians["gristmill"]
    return Result(
        tuple(rows),
        (
            ("documents/s", len(texts) / medians["gristmill"], LEAST_PER_SECOND),
            ("ratio to rensa", ratio, 1.0),
        ),
    )


def _script(params: Any) -> Callable[[Path, Path], int]:
    """rensa with the same threshold, shingles and permutations: folder of shards -> file of the kept."""
    try:
        from rensa import RMinHash, RMinHashLSH
    except ImportError as error:
        raise ParamsError("rensa is not installed: make bench NAME=dedupe does it") from error

    def shingles(text: str) -> list[str]:
        words = text.casefold().split()
        size = params.shingle_words
        return [" ".join(words[at : at + size]) for at in range(max(1, len(words) - size + 1))]

    def script(folder: Path, out: Path) -> int:
        table = pa.concat_tables(pq.read_table(path) for path in shard_paths(folder))
        sets = [shingles(text) for text in table["text"].to_pylist()]
        matrix = RMinHash.digest_matrix_from_token_sets(sets, params.num_permutations, 1)
        lsh = RMinHashLSH(params.jaccard_threshold, params.num_permutations, BANDS)
        duplicates = lsh.insert_matrix_and_query_duplicate_flags(matrix)
        kept = table.filter(pa.array([not duplicate for duplicate in duplicates]))
        pq.write_table(kept, out, compression="zstd")
        return int(kept.num_rows)

    return script
