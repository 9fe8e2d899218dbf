"""The verdicts once repeated paragraphs are cut: what documents are from then on, and which of them go.

What two documents have of their own may be nearly the same when what they had from others is gone. So those
that lost paragraphs are signed anew, and duplicates are looked for once more among all that are kept. When
one is found that kept a paragraph for others, another one has to keep it: all is done again without
the duplicates, until there are none. That changes no document's cluster, nor its split.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.catalogue import PLACE, ROW_BITS, Catalogue, StoredShard, build_catalogue
from pipeline.corpus.common_paragraphs import Example, common_paragraphs
from pipeline.corpus.deduplication import KEPT, REPEATED, Search, search_duplicates
from pipeline.corpus.shingles import Mask, Places
from pipeline.corpus.signing import Signing
from pipeline.corpus.trimming import Trimmed, trim
from pipeline.corpus.verdicts import Verdicts
from pipeline.reuse import Results
from pipeline.settings.dedupe import RepeatedParagraphsParams

_CHANGED = ("text_bytes", "reason", "duplicate_of")  # beside PLACE
_MOVED_TO, _TWIN = "moved_to", ("reason", "duplicate_of")


@dataclass(frozen=True, slots=True)
class Losses:
    """What the documents of one source lost that others have.

    `documents` lost paragraphs and are kept; `too_little_left` were dropped for what they lost, and
    `duplicates_then` because without it they, or others, were duplicates.
    """

    documents: int
    paragraphs: int  # of `documents`
    bytes: int  # of `documents`, in UTF-8
    too_little_left: int
    duplicates_then: int


@dataclass(frozen=True, slots=True)
class RepeatedParagraphs:
    """What was cut, by source, and the commonest of the repeated paragraphs."""

    by_source: Mapping[str, Losses]
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True)
class Revision:
    """The documents that are not what their verdicts say.

    `changed` is sorted by PLACE and holds the place they have from now on, their text_bytes, reason and
    duplicate_of. Those that lost paragraphs are in `shards`, numbered on from those of the catalogue.
    """

    shards: tuple[StoredShard, ...]
    changed: pa.Table
    account: RepeatedParagraphs

    def applied(self, documents: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """The tables of `Verdicts.by_id` as they are from now on."""
        if not self.changed.num_rows:
            yield from documents
            return
        places = self.changed[PLACE].to_numpy()
        for table in documents:
            here = table[PLACE].to_numpy()
            nearest = np.minimum(np.searchsorted(places, here), len(places) - 1)
            is_changed = places[nearest] == here
            rows = self.changed.take(pa.array(nearest[is_changed]))
            for name in (*_CHANGED, PLACE):
                column, others = table.column_names.index(name), rows[_MOVED_TO if name == PLACE else name]
                table = table.set_column(column, name, _replaced(table[name], is_changed, others))
            yield table

    def bytes_cut(self) -> dict[str, int]:
        """What went from the text of documents that are kept, by source."""
        return {source: losses.bytes for source, losses in self.account.by_source.items()}


def cut_repeats(
    verdicts: Verdicts,
    params: RepeatedParagraphsParams,
    search: Search,
    results: Callable[[str], Results],
    *,
    documents: int,
) -> Revision:
    """Leaves each paragraph that several kept documents have to one of them, and drops those documents of
    which too little is left, and those that are duplicates of a kept one then.

    `documents` is how many the catalogue has. Where params name no source nothing is done.
    """
    if not params.sources:
        return Revision((), pa.table({PLACE: pa.array([], pa.int64())}), RepeatedParagraphs({}, []))
    catalogue, dropped = verdicts.catalogue, verdicts.dropped()
    common = common_paragraphs(catalogue, params, results)
    twins = pa.table({PLACE: pa.array([], pa.int64()), **dict.fromkeys(_TWIN, pa.array([], pa.string()))})
    for number in itertools.count(1):
        gone = np.union1d(dropped, twins[PLACE].to_numpy())
        cuts = common.cuts(gone)
        trimmed = trim(catalogue, cuts, results(f"trimmed_{number}"), min_chars=params.min_chars)
        if not trimmed.shards:
            break
        both = _with_trimmed(catalogue, trimmed, search.signing, results(f"signed_{number}"))
        without = np.union1d(gone, trimmed.places)
        collided = results(f"collided_{number}")
        found = search_duplicates(both, search, collided, documents=documents, without=without)
        again = found.documents.filter(pc.not_equal(found.documents["reason"], KEPT))
        if not again.num_rows:
            break
        origins = pa.array(_origins(again[PLACE].to_numpy(), catalogue, trimmed))
        twins = pa.concat_tables([twins, again.select(_TWIN).add_column(0, PLACE, origins)])
    changed = _changes(catalogue, trimmed, twins.sort_by(PLACE))
    return Revision(trimmed.shards, changed, RepeatedParagraphs(_by_source(changed), common.examples(cuts)))


def _with_trimmed(catalogue: Catalogue, trimmed: Trimmed, signing: Signing, results: Results) -> Catalogue:
    """The catalogue with the shards of trimmed documents behind its own."""
    signed = build_catalogue(trimmed.shards, results, signing)
    return Catalogue(
        (*catalogue.shards, *signed.shards),
        (*catalogue.prefixes, *signed.prefixes),
        results.key(catalogue.key, signed.key),
    )


def _origins(places: Places, catalogue: Catalogue, trimmed: Trimmed) -> Places:
    """Where documents at these places were before any of them was trimmed."""
    is_trimmed = places >= len(catalogue.shards) << ROW_BITS
    origins = places.copy()
    at = np.searchsorted(trimmed.moved_to[trimmed.is_kept], places[is_trimmed])
    origins[is_trimmed] = trimmed.places[trimmed.is_kept][at]
    return origins


def _changes(catalogue: Catalogue, trimmed: Trimmed, twins: pa.Table) -> pa.Table:
    """The table of a revision, with the source of each document and what it lost when it is kept.

    `twins` holds, sorted by PLACE, the documents that became duplicates; none of them is trimmed.
    """
    of_twins = twins[PLACE].to_numpy()
    places = np.union1d(trimmed.places, of_twins)
    known = catalogue.at(places, ["id", "source", "text_bytes"])
    is_twin = np.isin(places, of_twins)
    is_short, is_cut = np.zeros((2, len(places)), dtype=np.bool_)
    rows = np.searchsorted(places, trimmed.places)
    is_short[rows], is_cut[rows] = ~trimmed.is_kept, trimmed.is_kept
    text_bytes = known["text_bytes"].to_numpy()
    moved_to, bytes_left, paragraphs = places.copy(), text_bytes.copy(), np.zeros_like(places)
    moved_to[is_cut] = trimmed.moved_to[trimmed.is_kept]
    bytes_left[is_cut] = trimmed.bytes_left[trimmed.is_kept]
    paragraphs[is_cut] = trimmed.paragraphs[trimmed.is_kept]
    ids = known["id"].combine_chunks()
    kept_in = pc.if_else(pa.array(is_short), "", ids)
    reasons = pc.if_else(pa.array(is_short), REPEATED, pa.array([KEPT] * len(ids), pa.string()))
    return pa.table(
        {
            PLACE: places,
            _MOVED_TO: moved_to,
            "text_bytes": bytes_left,
            "reason": _replaced(reasons, is_twin, twins["reason"]),
            "duplicate_of": _replaced(kept_in, is_twin, _at_last(ids.filter(pa.array(is_twin)), twins)),
            "source": known["source"],
            "paragraphs": paragraphs,
            "bytes_cut": text_bytes - bytes_left,
        }
    )


def _at_last(ids: pa.Array, twins: pa.Table) -> pa.ChunkedArray:
    """For each of the twins, which have these ids, the kept document that it is a duplicate of: that of
    which the one that it was found with is, where this went later.
    """
    twin_of = dict(zip(ids.to_pylist(), twins["duplicate_of"].to_pylist(), strict=True))
    found = []
    for twin in twin_of.values():
        while twin in twin_of:
            twin = twin_of[twin]
        found.append(twin)
    return pa.chunked_array([pa.array(found, pa.string())])


def _by_source(changed: pa.Table) -> dict[str, Losses]:
    """The losses of each source that has some, in alphabetical order."""
    found: dict[str, Losses] = {}
    for source in sorted(changed["source"].unique().to_pylist()):
        own = changed.filter(pc.equal(changed["source"], source))
        kept = own.filter(pc.equal(own["reason"], KEPT))
        short = pc.sum(pc.equal(own["reason"], REPEATED)).as_py()
        found[source] = Losses(
            documents=kept.num_rows,
            paragraphs=pc.sum(kept["paragraphs"]).as_py() or 0,
            bytes=pc.sum(kept["bytes_cut"]).as_py() or 0,
            too_little_left=short,
            duplicates_then=own.num_rows - kept.num_rows - short,
        )
    return found


def _replaced(values: pa.Array | pa.ChunkedArray, is_other: Mask, others: pa.ChunkedArray) -> pa.Array:
    """The values with some of them replaced by others, in order."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pc.replace_with_mask(whole, pa.array(is_other), others.combine_chunks())
