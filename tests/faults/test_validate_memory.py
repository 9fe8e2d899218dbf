"""validate's memory does not grow with the corpus: 400,000 documents take little more than 100,000."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.artifacts import publishing, read_json
from pipeline.corpus.shards import write_shards
from pipeline.records import Document
from tests.corner import Corner
from tests.corpus.collections import publish_clusters
from tests.workshop import ROOT

MOST_GROWTH = 1.3
pytestmark = pytest.mark.faults


def documents(first: int, count: int) -> Iterator[Document]:
    """Short texts, no two of which share a shingle."""
    for number in range(first, first + count):
        text = " ".join(f"w{number}x{place}" for place in range(12))
        name = f"files-{number:016x}"
        yield Document(name, "files", name, "", "", '{"language":"en"}', text)


def corpus(folder: Path, count: int) -> Path:
    """Nine tenths to learn from, the rest held out, with the table of clusters that lists them."""
    held = count // 20
    parts = {"train": (0, count - 2 * held), "val": (count - 2 * held, held), "test": (count - held, held)}
    for split, (first, size) in parts.items():
        with publishing(folder / split, kind="documents", facts={"documents": size}) as out:
            write_shards(documents(first, size), out)
    places = (
        (split, number) for split, (first, size) in parts.items() for number in range(first, first + size)
    )
    publish_clusters(folder / "clusters", [(f"files-{number:016x}", split) for split, number in places])
    return folder


def peak_bytes(folder: Path, count: int) -> int:
    """The largest memory of one process of the stage on a corpus of so many documents."""
    corner = Corner(folder, params="params.yaml", GRISTMILL_PROCESSES="2")
    made = "import sys; from pathlib import Path; from tests.faults.test_validate_memory import corpus; "
    made += "corpus(Path(sys.argv[1]), int(sys.argv[2]))"
    given = str(corner.path / "data/dedupe")
    subprocess.run([sys.executable, "-c", made, given, str(count)], cwd=ROOT, check=True)
    outcome = corner.run("validate")
    assert outcome.code == 0, outcome.stderr
    assert read_json(corner.path / "reports/metrics/validate.json")["overall"]["documents"] == count
    return int(read_json(corner.path / "reports/timings/validate.json")["peak_bytes"])


def test_four_times_the_documents_take_less_than_a_third_more_memory(tmp_path: Path) -> None:
    small, large = (peak_bytes(tmp_path / str(count), count) for count in (100_000, 400_000))
    assert large < MOST_GROWTH * small, f"{small / 1e6:.0f} MB, then {large / 1e6:.0f} MB"
