"""dedupe: remove evaluation sets, exact and near duplicates over all sources; split by duplicate cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.accounts import Account
from pipeline.corpus.catalogue import Signing, build_catalogue, shards_below
from pipeline.corpus.contamination import SetTally, screen
from pipeline.corpus.deduplication import KEPT, find_duplicates, with_contaminated
from pipeline.corpus.evaluations import read_set
from pipeline.corpus.minhash import choose_banding
from pipeline.corpus.mixture import Blend, blends, mix
from pipeline.corpus.splitting import SplitShares, assign_splits, publish
from pipeline.corpus.tallies import SourceTally, SplitTally, by_source, by_split, cluster_sizes, dropped
from pipeline.errors import DataError
from pipeline.reuse import Results
from pipeline.settings.dedupe import DedupeParams
from pipeline.stage import Input, Output, Work, main


@dataclass(frozen=True, slots=True)
class DedupeMetrics:
    """The account of the stage; `clusters` counts those of two documents or more."""

    documents_in: int
    documents_kept: int
    dropped: Mapping[str, int]
    clusters: int
    largest_cluster: int
    by_source: Mapping[str, SourceTally]
    splits: Mapping[str, SplitTally]
    mixture: Mapping[str, Blend]
    bands: int
    band_rows: int
    pairs_checked: int
    contamination: Mapping[str, SetTally]


def run(
    cleaned: Input, evaluations: Input, deduplicated: Output, *, params: DedupeParams, work: Work
) -> DedupeMetrics:
    """Drops what has text of the evaluation sets and what is a duplicate, of all sources below `cleaned`, and
    writes the kept documents as three splits.
    """
    sets = {name: read_set(evaluations, name) for name in params.decontaminate}
    shards, documents_in = shards_below(cleaned)
    if not documents_in:
        raise DataError(f"{cleaned}: cleaning left no document; loosen `clean` or enable another source")
    banding = choose_banding(num_permutations=params.num_permutations, threshold=params.jaccard_threshold)
    signing = Signing(params.shingle_words, params.num_permutations, banding)
    signed, screened, written = (
        Results(work.cache / name, code=work.code) for name in ("signed", "screened", "written")
    )
    catalogue = build_catalogue(shards, signed, signing)
    screening = screen(catalogue, sets, screened, words=params.decontamination_words)
    clean = catalogue.without(screening.contaminated)
    if not clean.table.num_rows:
        raise DataError("dedupe.decontaminate: every document has text of these sets; name fewer")
    found = find_duplicates(clean, banding, threshold=params.jaccard_threshold)
    contaminated = catalogue.table.filter(pa.array(screening.contaminated))
    shares = SplitShares(params.val_fraction, params.test_fraction)
    everything = assign_splits(with_contaminated(found.documents, contaminated), shares, seed=params.seed)
    documents = mix(everything, params.mixture, seed=params.seed)
    counted = documents.select(["source", "text_bytes", "reason", "split"])
    kept = counted.filter(pc.equal(counted["reason"], KEPT))
    account = Account(documents_in, kept.num_rows, dropped(counted))
    account.check("dedupe")
    likeness = {"shingle_words": params.shingle_words, "jaccard_threshold": params.jaccard_threshold}
    publish(documents, catalogue.shards, deduplicated, likeness=likeness, results=written)
    sizes = cluster_sizes(documents)
    return DedupeMetrics(
        documents_in=account.documents_in,
        documents_kept=account.documents_kept,
        dropped=account.dropped,
        clusters=int((sizes > 1).sum()),
        largest_cluster=int(sizes.max()),
        by_source=by_source(counted),
        splits=by_split(kept),
        mixture=blends(counted),
        bands=banding.bands,
        band_rows=banding.rows,
        pairs_checked=found.pairs_checked,
        contamination=screening.sets,
    )


if __name__ == "__main__":
    main("dedupe", run)
