"""The verdicts once repeated paragraphs are cut: what documents are from then on, and which of them go.

What two documents have of their own may be nearly the same when what they had from others is gone. So those
that lost paragraphs are signed anew, and duplicates are looked for once more among all that are kept. That
changes no document's cluster, nor its split.
"""

# A documents that lose paragraphs or go

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.catalogue import PLACE, ROW_BITS, Catalogue, StoredShard, build_catalogue
from pipeline.corpus.common_paragraphs import Example, find_cuts
from pipeline.corpus.deduplication import KEPT, REPEATED, Search, search_duplicates
from pipeline.corpus.shingles import Mask, Places, distinct
from pipeline.corpus.signing import Signing
from pipeline.corpus.trimming import Trimmed, trim
from pipeline.corpus.verdicts import Verdicts
from pipeline.reuse import Results
from pipeline.settings.dedupe import RepeatedParagraphsParams

_CHANGED = ("text_bytes", "reason", "duplicate_of")  # beside PLACE
_MOVED_TO = "moved_to"


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
    cuts = find_cuts(catalogue, dropped, params, results)
    trimmed = trim(catalogue, cuts, results("trimmed"), min_chars=params.min_chars)
    both = _with_trimmed(catalogue, trimmed, search.signing, results("signed_again"))
    without = distinct(np.concatenate([dropped, trimmed.places]))
    found = search_duplicates(both, search, results("collided_again"), documents=documents, without=without)
    again = found.documents.filter(pc.not_equal(found.documents["reason"], KEPT))
    changed = _changes(catalogue, trimmed, again)
    return Revision(trimmed.shards, changed, RepeatedParagraphs(_by_source(changed), cuts.examples))


def _with_trimmed(catalogue: Catalogue, trimmed: Trimmed, signing: Signing, results: Results) -> Catalogue:
    """The catalogue with the shards of trimmed documents behind its own."""
    signed = build_catalogue(trimmed.shards, results, signing)
    return Catalogue(
        (*catalogue.shards, *signed.shards),
        (*catalogue.prefixes, *signed.prefixes),
        results.key(catalogue.key, signed.key),
    )


def _changes(catalogue: Catalogue, trimmed: Trimmed, again: pa.Table) -> pa.Table:
    """The table of a revision, with the source of each document and what it lost when it is kept.

    `again` holds the duplicates found at last; places beyond the catalogue are those of trimmed documents.
    """
    origins = _origins(again[PLACE].to_numpy(), catalogue, trimmed)
    again = again.take(pa.array(np.argsort(origins)))
    places = distinct(np.concatenate([trimmed.places, origins]))
    known = catalogue.at(places, ["id", "source", "text_bytes"])
    is_duplicate = np.isin(places, origins)
    rows = np.searchsorted(places, trimmed.places)
    is_short, is_cut = np.zeros((2, len(places)), dtype=np.bool_)
    is_short[rows], is_cut[rows] = ~trimmed.is_kept, trimmed.is_kept
    is_cut &= ~is_duplicate
    still = is_cut[rows]  # of the trimmed ones
    moved_to, paragraphs = places.copy(), np.zeros_like(places)
    text_bytes = known["text_bytes"].to_numpy()
    bytes_left = text_bytes.copy()
    for values, found in (
        (moved_to, trimmed.moved_to),
        (bytes_left, trimmed.bytes_left),
        (paragraphs, trimmed.paragraphs),
    ):
        values[is_cut] = found[still]
    reasons = pc.if_else(pa.array(is_short), REPEATED, pa.array([KEPT] * len(places), pa.string()))
    twins = pc.if_else(pa.array(is_short), "", known["id"].combine_chunks())
    return pa.table(
        {
            PLACE: places,
            _MOVED_TO: moved_to,
            "text_bytes": bytes_left,
            "reason": _replaced(reasons, is_duplicate, again["reason"]),
            "duplicate_of": _replaced(twins, is_duplicate, again["duplicate_of"]),
            "source": known["source"],
            "paragraphs": paragraphs,
            "bytes_cut": text_bytes - bytes_left,
        }
    )


def _origins(places: Places, catalogue: Catalogue, trimmed: Trimmed) -> Places:
    """Where documents at these places of both catalogues are in the first one."""
    is_trimmed = places >= len(catalogue.shards) << ROW_BITS
    origins = places.copy()
    at = np.searchsorted(trimmed.moved_to[trimmed.is_kept], places[is_trimmed])
    origins[is_trimmed] = trimmed.places[trimmed.is_kept][at]
    return origins


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
