"""dedupe: remove exact and near duplicates over all sources; split by duplicate cluster."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import replace_folder
from pipeline.corpus.accounts import Account
from pipeline.corpus.catalogue import Signing, StoredShard, build_catalogue, shards_below
from pipeline.corpus.deduplication import KEPT, find_duplicates
from pipeline.corpus.minhash import choose_banding
from pipeline.corpus.mixture import Blend, blends, mix
from pipeline.corpus.roster import write_clusters
from pipeline.corpus.splitting import SplitShares, assign_splits, write_splits
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


def run(cleaned: Input, deduplicated: Output, *, params: DedupeParams, work: Work) -> DedupeMetrics:
    """Finds the duplicates of all sources below `cleaned` and writes the kept documents as three splits."""
    shards, documents_in = shards_below(cleaned)
    if not documents_in:
        raise DataError(f"{cleaned}: cleaning left no document; loosen `clean` or enable another source")
    banding = choose_banding(num_permutations=params.num_permutations, threshold=params.jaccard_threshold)
    signing = Signing(params.shingle_words, params.num_permutations, banding)
    signed, written = (Results(work.cache / name, code=work.code) for name in ("signed", "written"))
    catalogue = build_catalogue(shards, signed, signing)
    found = find_duplicates(catalogue, banding, threshold=params.jaccard_threshold)
    shares = SplitShares(params.val_fraction, params.test_fraction)
    everything = assign_splits(found.documents, shares, seed=params.seed)
    documents = mix(everything, params.mixture, seed=params.seed)
    kept = documents.filter(pc.equal(documents["reason"], KEPT))
    account = Account(documents_in, kept.num_rows, dropped(documents))
    account.check("dedupe")
    _publish(documents, catalogue.shards, deduplicated, params=params, written=written)
    sizes = cluster_sizes(documents)
    return DedupeMetrics(
        documents_in=account.documents_in,
        documents_kept=account.documents_kept,
        dropped=account.dropped,
        clusters=int((sizes > 1).sum()),
        largest_cluster=int(sizes.max()),
        by_source=by_source(documents),
        splits=by_split(kept),
        mixture=blends(documents),
        bands=banding.bands,
        band_rows=banding.rows,
        pairs_checked=found.pairs_checked,
    )


def _publish(
    found: pa.Table, shards: Sequence[StoredShard], out: Path, *, params: DedupeParams, written: Results
) -> None:
    """Writes the splits and the table of clusters, and puts the whole folder in its place at once."""
    staging = out.with_name(f".{out.name}.writing")
    shutil.rmtree(staging, ignore_errors=True)
    write_splits(found.filter(pc.equal(found["reason"], KEPT)), shards, staging, results=written)
    likeness = {"shingle_words": params.shingle_words, "jaccard_threshold": params.jaccard_threshold}
    write_clusters(found, staging / "clusters", likeness)
    replace_folder(staging, out)


if __name__ == "__main__":
    main("dedupe", run)
