"""Which documents hold text of an evaluation set: a run of so many words in a row that both have.

Words are what they are to `shingles`: case, punctuation and white space do not count. The runs of all sets
are 64-bit hashes in one sorted array on disk; each shard of documents is held against it once.
"""

# G distinct runs of all sets, H hits: a run of a set in a document

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.artifacts import hash_file, read_table
from pipeline.corpus.catalogue import ROW_BITS, Catalogue
from pipeline.corpus.evaluations import Item
from pipeline.corpus.shingles import Places, Words64, distinct, normalize_all, word_runs
from pipeline.corpus.signing import batches, mapped, save
from pipeline.records import DOCUMENT_SCHEMA
from pipeline.reuse import Results

EXAMPLES = 3
ITEMS_AT_ONCE = 1000
EXAMPLE_CHARS = 160


@dataclass(frozen=True, slots=True)
class Example:
    """A document that was dropped, and the item of the set that it has text of."""

    document: str
    item: str
    text: str  # the beginning of the item


@dataclass(frozen=True, slots=True)
class SetTally:
    """What of one evaluation set was found; items without one run of words in a row cannot be."""

    items: int
    items_too_short: int
    items_hit: int
    documents_hit: int
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class Screening:
    """The places of the documents that have text of a set, ascending, and the tally of each set."""

    contaminated: Places
    sets: Mapping[str, SetTally]


@dataclass(frozen=True, slots=True)
class ScreenTask:
    """One shard to hold against the runs in a file; the hits go to `hits`."""

    shard: str
    runs: str
    words: int
    hits: str


@dataclass(frozen=True, slots=True)
class Screened:
    """How many hits a shard has."""

    hits: int


@dataclass(frozen=True, slots=True)
class _Runs:
    """The distinct runs of all sets, ascending, shape (G,), and which item of all has each, as pairs."""

    hashes: Words64
    run_of_pair: Places
    item_of_pair: Places


def screen(
    catalogue: Catalogue, sets: Mapping[str, Sequence[Item]], results: Results, *, words: int
) -> Screening:
    """Holds every document of the catalogue against the sets, on all cores, shard by shard."""
    if not sets:
        return Screening(np.empty(0, dtype=np.int64), {})
    runs = _runs([item for items in sets.values() for item in items], words)
    file = results.folder / ".runs.npy"  # no result: it goes when the map is done
    save(file, runs.hashes)
    keys = [results.key(shard.sha256, hash_file(file), words) for shard in catalogue.shards]
    tasks = {
        key: ScreenTask(str(shard.path), str(file), words, str(results.file(key, ".hits.npy")))
        for key, shard in zip(keys, catalogue.shards, strict=True)
    }
    results.map_shards(screen_shard, tasks, result=Screened, label="looking for evaluation sets")
    hits = [np.empty((2, 0), dtype=np.int64)]
    for shard, key in enumerate(keys):
        rows, runs_hit = mapped(Path(tasks[key].hits))
        hits.append(np.stack([rows + (shard << ROW_BITS), runs_hit]))
    place, run = np.concatenate(hits, axis=1)
    return Screening(distinct(place), _tallies(catalogue, sets, runs, place, run))


def screen_shard(task: ScreenTask) -> Screened:
    """Writes the hits of one shard, shape (2, H): row of the document, place of the run."""
    table = read_table(Path(task.shard), schema=DOCUMENT_SCHEMA, columns=["text"])
    runs = mapped(Path(task.runs))
    hits = [np.empty((2, 0), dtype=np.int64)]
    first = 0
    for texts in batches(table["text"]):
        document_of, hashes = word_runs(normalize_all(texts), words=task.words)
        place = np.minimum(np.searchsorted(runs, hashes), max(len(runs) - 1, 0))
        is_hit = runs[place] == hashes if len(runs) else np.zeros(len(hashes), dtype=np.bool_)
        pairs = _distinct_pairs(document_of[is_hit].astype(np.int64) + first, place[is_hit])
        hits.append(np.stack(pairs))
        first += len(texts)
    save(Path(task.hits), np.concatenate(hits, axis=1))
    return Screened(sum(each.shape[1] for each in hits))


def _runs(items: Sequence[Item], words: int) -> _Runs:
    """The runs of all items, ITEMS_AT_ONCE hashed at a time."""
    found, item_of = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
    for first in range(0, len(items), ITEMS_AT_ONCE):
        some = items[first : first + ITEMS_AT_ONCE]
        item_of_text = np.repeat(np.arange(len(some)) + first, [len(item.texts) for item in some])
        texts = [text for item in some for text in item.texts]
        text_of, of_some = word_runs(normalize_all(texts), words=words)
        found.append(of_some)
        item_of.append(item_of_text[text_of.astype(np.int64)])
    hashes, run_of = np.unique(np.concatenate(found), return_inverse=True)
    return _Runs(hashes, *_distinct_pairs(run_of, np.concatenate(item_of)))


def _distinct_pairs(left: Places, right: Places) -> tuple[Places, Places]:
    """The pairs without repetition, in order."""
    width = int(right.max(initial=0)) + 1
    pairs = distinct(left * width + right)
    return pairs // width, pairs % width


def _tallies(
    catalogue: Catalogue, sets: Mapping[str, Sequence[Item]], runs: _Runs, place: Places, run: Places
) -> dict[str, SetTally]:
    """The tally of each set, from hits: the run `run[h]` stands in the document at `place[h]`."""
    tallies: dict[str, SetTally] = {}
    first_item = 0
    for name, items in sets.items():
        is_own = (runs.item_of_pair >= first_item) & (runs.item_of_pair < first_item + len(items))
        run_of, item_of = runs.run_of_pair[is_own], runs.item_of_pair[is_own] - first_item
        was_hit = np.isin(run_of, run)
        hit = np.isin(run, run_of)
        first_item_of = dict(zip(run_of[::-1].tolist(), item_of[::-1].tolist(), strict=True))
        tallies[name] = SetTally(
            items=len(items),
            items_too_short=len(items) - len(np.unique(item_of)),
            items_hit=len(np.unique(item_of[was_hit])),
            documents_hit=len(distinct(place[hit])),
            examples=_examples(catalogue, items, first_item_of, place[hit], run[hit]),
        )
        first_item += len(items)
    return tallies


def _examples(
    catalogue: Catalogue, items: Sequence[Item], item_of: Mapping[int, int], place: Places, run: Places
) -> list[Example]:
    """The first EXAMPLES documents by id, each with the first item that it has text of."""
    places = distinct(place)
    ids = catalogue.at(places, ["id"])["id"].take(pa.array(np.searchsorted(places, place))).to_pylist()
    first: dict[str, int] = {}
    for name, item in sorted((name, item_of[number]) for name, number in zip(ids, run.tolist(), strict=True)):
        first.setdefault(name, item)
    shown = list(first.items())[:EXAMPLES]
    return [
        Example(name, items[item].origin, " ".join(" ".join(items[item].texts).split())[:EXAMPLE_CHARS])
        for name, item in shown
    ]
