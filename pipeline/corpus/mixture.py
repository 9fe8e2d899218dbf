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
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.deduplication import KEPT
from pipeline.corpus.shingles import Places
from pipeline.corpus.tallies import Census
from pipeline.settings.mixture import MixtureParams, SourceMixture

MIXTURE = "mixture"
TRAIN = "train"
PREFIX_BITS = 16

Draw = np.uint64
Draws = npt.NDArray[Draw]


@dataclasses.dataclass(frozen=True, slots=True)
class Blend:
    """The train documents of one source and their bytes in UTF-8: there before, and left in the blend."""

    documents_in: int
    documents: int
    bytes_in: int
    bytes: int


def cutoffs(
    documents: Callable[[], Iterator[pa.Table]], params: MixtureParams, *, seed: int
) -> dict[str, Draw]:
    """For each source that gives less than it has, the first draw of its train documents that is left out.

    `documents` reads all of them anew, in tables with the columns id, source, split, text_bytes and reason:
    once when a source is capped or weighted, three times when that leaves something out. Memory does not grow
    with them.
    """
    if not any(_is_asked(_asked(params, field.name)) for field in dataclasses.fields(params)):
        return {}
    census = Census()
    for _ in census.counting(documents()):
        pass
    available = {
        source: tally.bytes
        for source in census.sources()
        if (tally := census.tally(source=source, split=TRAIN, reason=KEPT)).documents
    }
    budgets = {name: budget for name, budget in shares(available, params).items() if budget < available[name]}
    return _cutoffs(documents, budgets, seed=seed) if budgets else {}


def mixed(documents: Iterator[pa.Table], cutoffs: Mapping[str, Draw], *, seed: int) -> Iterator[pa.Table]:
    """The tables with the reason MIXTURE for those train documents that the blend leaves out.

    Documents that have a reason keep it.
    """
    for table in documents:
        column = table.column_names.index("reason")
        for source, cutoff in cutoffs.items():
            rows, draws, _ = _drawn(table, source, seed=seed)
            is_left_out = np.zeros(table.num_rows, dtype=np.bool_)
            is_left_out[rows[draws >= cutoff]] = True
            reasons = pc.if_else(pa.array(is_left_out), MIXTURE, table["reason"])
            table = table.set_column(column, "reason", reasons)
        yield table


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


def blends(census: Census) -> dict[str, Blend]:
    """What each source had for the train split, and what of it is in the blend."""
    found: dict[str, Blend] = {}
    for source in census.sources():
        kept, left_out = (
            census.tally(source=source, split=TRAIN, reason=reason) for reason in (KEPT, MIXTURE)
        )
        documents, size = kept.documents + left_out.documents, kept.bytes + left_out.bytes
        if documents:
            found[source] = Blend(documents, kept.documents, size, kept.bytes)
    return found


def _asked(params: MixtureParams, source: str) -> SourceMixture:
    mixture: SourceMixture = getattr(params, source)
    return mixture


def _is_asked(mixture: SourceMixture) -> bool:
    return mixture.max_bytes is not None or mixture.weight is not None


def _cutoffs(
    documents: Callable[[], Iterator[pa.Table]], budgets: Mapping[str, int], *, seed: int
) -> dict[str, Draw]:
    """The first draw of each source whose text no longer fits its budget, smaller than what there is.

    The bytes are added up by the first bits of the draws; only where these sums cross the budget are draws
    looked at one by one.
    """
    sums = {source: np.zeros(1 << PREFIX_BITS, dtype=np.int64) for source in budgets}
    for table in documents():
        for source, by_prefix in sums.items():
            _, draws, sizes = _drawn(table, source, seed=seed)
            np.add.at(by_prefix, _prefixes(draws), sizes)
    ends = {source: np.cumsum(by_prefix) for source, by_prefix in sums.items()}
    crossed = {
        source: int(np.searchsorted(ends[source], budget, side="right")) for source, budget in budgets.items()
    }
    within: dict[str, list[tuple[Draws, Places]]] = {source: [] for source in budgets}
    for table in documents():
        for source, prefix in crossed.items():
            _, draws, sizes = _drawn(table, source, seed=seed)
            here = _prefixes(draws) == prefix
            within[source].append((draws[here], sizes[here]))
    found = {}
    for source, budget in budgets.items():
        draws, sizes = (np.concatenate(parts) for parts in zip(*within[source], strict=True))
        order = np.argsort(draws, kind="stable")
        before = ends[source][crossed[source]] - sizes.sum()
        found[source] = draws[order][before + np.cumsum(sizes[order]) > budget][0]
    return found


def _drawn(table: pa.Table, source: str, *, seed: int) -> tuple[Places, Draws, Places]:
    """Of the train documents of a source that are kept their rows, their draws, and their bytes."""
    is_own = pc.and_(pc.equal(table["source"], source), pc.equal(table["reason"], KEPT))
    rows = np.flatnonzero(pc.and_(is_own, pc.equal(table["split"], TRAIN)).to_numpy())
    ids = table["id"].take(pa.array(rows)).to_pylist()
    hashed = (hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest() for name in ids)
    draws = np.frombuffer(b"".join(hashed), dtype=">u8").astype(np.uint64)
    return rows, draws, np.asarray(table["text_bytes"].to_numpy()[rows])


def _prefixes(draws: Draws) -> Places:
    return (draws >> np.uint64(64 - PREFIX_BITS)).astype(np.int64)
