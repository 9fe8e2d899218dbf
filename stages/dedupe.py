"""dedupe: remove evaluation sets, duplicates, repeated paragraphs over all sources; split by cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipeline.corpus.catalogue import build_catalogue, shards_below
from pipeline.corpus.contamination import SetTally, screen
from pipeline.corpus.deduplication import Search, search_duplicates
from pipeline.corpus.evaluations import read_set
from pipeline.corpus.minhash import choose_banding
from pipeline.corpus.mixture import Blend, blends, cutoffs, mixed
from pipeline.corpus.revision import RepeatedParagraphs, cut_repeats
from pipeline.corpus.signing import Signing
from pipeline.corpus.splitting import SplitShares, assign_splits, publish
from pipeline.corpus.tallies import SourceTally, SplitTally
from pipeline.corpus.verdicts import Verdicts
from pipeline.engine import lasting_workers
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
    repeated_paragraphs: RepeatedParagraphs


@lasting_workers()
def run(
    cleaned: Input, evaluations: Input, deduplicated: Output, *, params: DedupeParams, work: Work
) -> DedupeMetrics:
    """Writes what is kept of all sources below `cleaned` as three splits and accounts for the rest."""
    sets = {name: read_set(evaluations, name) for name in params.decontaminate}
    shards, documents_in = shards_below(cleaned)
    if not documents_in:
        raise DataError(f"{cleaned}: cleaning left no document; loosen `clean` or enable another source")
    banding = choose_banding(num_permutations=params.num_permutations, threshold=params.jaccard_threshold)
    search = Search(Signing(params.shingle_words, params.num_permutations, banding), params.jaccard_threshold)

    def results(name: str) -> Results:
        return Results(work.cache / name, code=work.code)

    catalogue = build_catalogue(shards, results("signed"), search.signing)
    screening = screen(catalogue, sets, results("screened"), words=params.decontamination_words)
    unseen = screening.contaminated
    if len(unseen) == documents_in:
        raise DataError("dedupe.decontaminate: every document has text of these sets; name fewer")
    found = search_duplicates(catalogue, search, results("collided"), documents=documents_in, without=unseen)
    verdicts = Verdicts(catalogue, found.documents, unseen)
    cut = cut_repeats(verdicts, params.repeated_paragraphs, search, results, documents=documents_in)
    shares = SplitShares(params.val_fraction, params.test_fraction)

    def documents() -> Iterator[pa.Table]:
        return assign_splits(cut.applied(verdicts.by_id()), shares, seed=params.seed)

    left_out = cutoffs(documents, params.mixture, seed=params.seed)
    blended = mixed(documents(), left_out, seed=params.seed)
    likeness = {"shingle_words": params.shingle_words, "jaccard_threshold": params.jaccard_threshold}
    facts = {"documents": documents_in, **likeness}
    census = publish(blended, [*shards, *cut.shards], deduplicated, facts=facts, results=results("written"))
    account = census.account(documents_in)
    return DedupeMetrics(
        documents_in=account.documents_in,
        documents_kept=account.documents_kept,
        dropped=account.dropped,
        clusters=found.clusters,
        largest_cluster=found.largest_cluster,
        by_source=census.by_source(cut.bytes_cut()),
        splits=census.by_split(),
        mixture=blends(census),
        bands=banding.bands,
        band_rows=banding.rows,
        pairs_checked=found.pairs_checked,
        contamination=screening.sets,
        repeated_paragraphs=cut.account,
    )


if __name__ == "__main__":
    main("dedupe", run)
