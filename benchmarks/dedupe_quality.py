"""Precision and recall of `dedupe` with the params as they are, against exact Jaccard similarities.

Two sets of documents: pieces of text with planted edits, and real editions and revisions with known truth
(`dups/truth.csv` below GRISTMILL_CORPORA). The truth is made here, from sets of word 5-grams, by all pairs
that can reach SIMILAR. *Recall* is the share of these pairs that came into one cluster; *precision* the share
of dropped documents that are similar to the kept one that they are said to duplicate.
"""

from __future__ import annotations

import csv
import math
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.bench import Result
from benchmarks.duplicates import PARAMS_FILE, pieces, planted, publish
from pipeline.corpus.decoding import decode
from pipeline.errors import ParamsError
from pipeline.params import load
from pipeline.settings.sections import SECTIONS
from pipeline.stage import Work
from stages.dedupe import run

SIMILAR = 0.8
WORDS = 5
LEAST = 0.97
DOCUMENTS = 50_000
CORPORA = "GRISTMILL_CORPORA"
_WORD = re.compile(r"[^\W_]+")
Shingles = frozenset[tuple[str, ...]]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """What `dedupe` said of each document, in the order in which they were given."""

    clusters: Sequence[str]
    keepers: Mapping[int, int]  # of the dropped ones


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the true pairs were found, and how many of the dropped documents are true duplicates."""

    name: str
    documents: int
    pairs: int
    pairs_found: int
    dropped: int
    dropped_rightly: int

    @property
    def recall(self) -> float:
        """The share of true pairs that were found; 1 when there are none."""
        return self.pairs_found / self.pairs if self.pairs else 1.0

    @property
    def precision(self) -> float:
        """The share of dropped documents that are true duplicates; 1 when none was dropped."""
        return self.dropped_rightly / self.dropped if self.dropped else 1.0


def measure() -> Result:
    """Both sets of documents, and how many pairs known to be different were kept apart.

    ParamsError when the real ones are not there.
    """
    originals = pieces(at_most=DOCUMENTS)
    texts = [*originals, *planted(originals, seed=1)]
    edits = score("planted edits", texts, deduplicated(texts))
    folder = Path(os.environ.get(CORPORA, ""), "dups")
    if not (folder / "truth.csv").is_file():
        raise ParamsError(f"{CORPORA}: {folder / 'truth.csv'} is not there; name the folder of real corpora")
    names, rows = truth(folder)
    real = [decoded.text for name in names if (decoded := decode((folder / name).read_bytes()))]
    found = deduplicated(real)
    editions = score("editions and revisions", real, found)
    place = {name: number for number, name in enumerate(names)}
    negatives = [
        (place[row["file_a"]], place[row["file_b"]]) for row in rows if "NEGATIVE" in row["relation"]
    ]
    apart = sum(found.clusters[a] != found.clusters[b] for a, b in negatives)
    head = (
        "",
        "documents",
        f"pairs of {SIMILAR} or more",
        "found",
        "recall",
        "dropped",
        "rightly",
        "precision",
    )
    table = [
        (
            each.name,
            *(f"{count:,}" for count in (each.documents, each.pairs, each.pairs_found)),
            f"{each.recall:.4f}",
            *(f"{count:,}" for count in (each.dropped, each.dropped_rightly)),
            f"{each.precision:.4f}",
        )
        for each in (edits, editions)
    ]
    figures = [
        (f"{what} of {each.name}", getattr(each, what), LEAST)
        for each in (edits, editions)
        for what in ("precision", "recall")
    ]
    return Result((head, *table), (*figures, ("different texts kept apart", apart / len(negatives), 1.0)))


def truth(folder: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The files that `truth.csv` names, sorted, and its rows."""
    with open(folder / "truth.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return sorted({row[column] for row in rows for column in ("file_a", "file_b")}), rows


def deduplicated(texts: Sequence[str]) -> Found:
    """Runs the stage on the texts with the params as they are."""
    params = load(PARAMS_FILE, SECTIONS)["dedupe"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        place = {row.id: int(row.origin) for row in publish(folder / "in" / "files", texts)}
        run(folder / "in", folder / "none", folder / "out", params=params, work=Work(folder / "work"))
        table = pq.read_table(folder / "out/clusters/clusters.parquet").to_pylist()
    clusters = {place[row["id"]]: row["cluster"] for row in table}
    keepers = {place[row["id"]]: place[row["duplicate_of"]] for row in table if not row["kept"]}
    return Found([clusters[number] for number in range(len(texts))], keepers)


def score(name: str, texts: Sequence[str], found: Found) -> Score:
    """The verdicts beside the truth."""
    sets = [shingles(text) for text in texts]
    true = list(similar_pairs(sets))
    joined = sum(found.clusters[a] == found.clusters[b] for a, b in true)
    rightly = sum(jaccard(sets[a], sets[b]) >= SIMILAR for a, b in found.keepers.items())
    return Score(name, len(texts), len(true), joined, len(found.keepers), rightly)


def shingles(text: str) -> Shingles:
    """All runs of WORDS words of the text; of a shorter text the one run there is."""
    words = _WORD.findall(text.casefold())
    return frozenset(tuple(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1)))


def jaccard(left: Shingles, right: Shingles) -> float:
    """The share of all shingles of two sets that are in both."""
    common = len(left & right)
    return common / (len(left) + len(right) - common)


def similar_pairs(sets: Sequence[Shingles]) -> Iterator[Pair]:
    """All pairs of SIMILAR or more.

    Two such sets have a member in common among the rarest of each: so many that the others are fewer than the
    least overlap (Chaudhuri and others 2006, "prefix filter").
    """
    frequency = Counter(shingle for each in sets for shingle in each)
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, each in enumerate(sets):
        rarest = sorted(each, key=lambda shingle: (frequency[shingle], shingle))
        prefix = rarest[: len(each) - math.ceil(SIMILAR * len(each)) + 1]
        candidates = {other for shingle in prefix for other in holders[shingle]}
        yield from ((other, number) for other in sorted(candidates) if jaccard(sets[other], each) >= SIMILAR)
        for shingle in prefix:
            holders[shingle].append(number)
