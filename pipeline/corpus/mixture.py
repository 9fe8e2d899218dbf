"""The blend of sources that the model learns from: caps and weights, met by leaving documents out.

A source with `max_bytes` gives at most so much text. Sources with a `weight` give text in proportion to their
weights, as much as the scarcest of them allows; those without one give all they have (up to their cap).
Nothing is ever repeated: deduplication has just seen to that.

Which documents of a source stay follows from a hash of their ids, in the order of which they are taken until
the source's share is full. So one more document displaces a few at the end of that order and no others.

Only the train split is thinned. What is measured on val and test then stays the same whatever the blend, so
that two blends can be compared, and by source.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.deduplication import KEPT
from pipeline.settings.mixture import MixtureParams, SourceMixture

MIXTURE = "mixture"
TRAIN = "train"


@dataclasses.dataclass(frozen=True, slots=True)
class Blend:
    """The train documents of one source and their bytes in UTF-8: there before, and left in the blend."""

    documents_in: int
    documents: int
    bytes_in: int
    bytes: int


def mix(documents: pa.Table, params: MixtureParams, *, seed: int) -> pa.Table:
    """The table with the reason MIXTURE for those train documents that the blend leaves out.

    It has the columns id, source, split, text_bytes, reason; documents that have a reason keep it.
    """
    in_train = _in_train(documents)
    sources = documents.filter(in_train)["source"].unique().to_pylist()
    available = {source: _bytes(documents, _of(documents, source, in_train)) for source in sources}
    budgets = {name: budget for name, budget in shares(available, params).items() if budget < available[name]}
    if not budgets:
        return documents
    reasons = np.asarray(documents["reason"].to_pylist(), dtype=object)
    for source, budget in sorted(budgets.items()):
        places = np.flatnonzero(_of(documents, source, in_train).to_numpy())
        rows = documents.select(["id", "text_bytes"]).take(pa.array(places))
        reasons[places[~_taken(rows, budget, seed=seed)]] = MIXTURE
    column = documents.column_names.index("reason")
    return documents.set_column(column, "reason", pa.array(reasons, pa.string()))


def shares(available: Mapping[str, int], params: MixtureParams) -> dict[str, int]:
    """The bytes that each source may give, of those it has; a source without documents bounds nothing.

    >>> asked = MixtureParams(*[SourceMixture(None, weight) for weight in (3.0, 1.0, *[None] * 4)])
    >>> shares({"pydocs": 900, "files": 900, "gutenberg": 50}, asked)
    {'pydocs': 900, 'files': 300, 'gutenberg': 50}
    """
    asked = {source: _asked(params, source) for source in available}
    capped = {
        source: size if asked[source].max_bytes is None else min(size, asked[source].max_bytes or 0)
        for source, size in available.items()
    }
    weights = {source: mixture.weight for source, mixture in asked.items() if mixture.weight is not None}
    whole = min((capped[source] / weight for source, weight in weights.items() if capped[source]), default=0)
    return {
        source: min(size, round(weights[source] * whole)) if source in weights else size
        for source, size in capped.items()
    }


def blends(documents: pa.Table) -> dict[str, Blend]:
    """What each source had for the train split, and what of it is in the blend."""
    found: dict[str, Blend] = {}
    kept = pc.equal(documents["reason"], KEPT)
    before = pc.and_(
        pc.equal(documents["split"], TRAIN), pc.or_(kept, pc.equal(documents["reason"], MIXTURE))
    )
    for source in sorted(documents.filter(before)["source"].unique().to_pylist()):
        had = _of(documents, source, before)
        has = pc.and_(had, kept)
        counts = pc.sum(had).as_py() or 0, pc.sum(has).as_py() or 0
        found[source] = Blend(*counts, _bytes(documents, had), _bytes(documents, has))
    return found


def _asked(params: MixtureParams, source: str) -> SourceMixture:
    mixture: SourceMixture = getattr(params, source)
    return mixture


def _taken(rows: pa.Table, budget: int, *, seed: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which documents stay: in the order of their draws as long as their text fits the budget."""
    draws = [
        hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest() for name in rows["id"].to_pylist()
    ]
    order = np.argsort(np.array(draws, dtype="S8"), kind="stable")
    taken = np.zeros(len(order), dtype=np.bool_)
    taken[order] = np.cumsum(rows["text_bytes"].to_numpy()[order]) <= budget
    return taken


def _in_train(documents: pa.Table) -> pa.ChunkedArray:
    return pc.and_(pc.equal(documents["split"], TRAIN), pc.equal(documents["reason"], KEPT))


def _of(documents: pa.Table, source: str, where: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.equal(documents["source"], source), where)


def _bytes(documents: pa.Table, where: pa.ChunkedArray) -> int:
    return int(pc.sum(documents["text_bytes"].filter(where)).as_py() or 0)
