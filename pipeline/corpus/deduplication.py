"""Which documents are duplicates, of which kept one, and why each was dropped.

Two documents are exact duplicates when their normalized texts are the same, near duplicates when the
Jaccard similarity of their word shingles reaches the threshold. Preferred is the document with the longest
normalized text, of equally long ones that with the smallest id: what is kept does not depend on the order
of the input. A document is dropped as an exact duplicate when a more preferred one has its very text, else
as a near duplicate.
"""

# D documents, in the catalogue's order of preference

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.catalogue import Catalogue
from pipeline.corpus.clusters import cluster
from pipeline.corpus.minhash import Banding
from pipeline.corpus.shingles import Places

KEPT, EXACT_DUPLICATE, NEAR_DUPLICATE = "", "exact_duplicate", "near_duplicate"
CONTAMINATED = "contaminated"


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The verdict on each document of the catalogue, and how many pairs were compared for it.

    `documents` is the catalogue's table with three more columns: `cluster`, the smallest id of the
    document's cluster, `reason`, why it was dropped or KEPT, and `duplicate_of`, the id of the kept
    document it duplicates.
    """

    documents: pa.Table
    pairs_checked: int


def find_duplicates(catalogue: Catalogue, banding: Banding, *, threshold: float) -> Duplicates:
    """Clusters of exact and near duplicates among all documents of the catalogue."""
    first_with_text = _first_with_value(catalogue.table["digest"])
    found = cluster(first_with_text, catalogue.bands(banding), catalogue.sketches(), threshold=threshold)
    place = np.arange(len(found.roots))
    reasons = np.full(len(place), 2, dtype=np.int8)
    reasons[first_with_text != place] = 1
    reasons[found.keepers == place] = 0
    names = pa.array([KEPT, EXACT_DUPLICATE, NEAR_DUPLICATE])
    ids = catalogue.table["id"]
    documents = catalogue.table.append_column("cluster", _smallest_id(ids, found.roots))
    documents = documents.append_column("reason", names.take(pa.array(reasons)))
    documents = documents.append_column("duplicate_of", ids.take(pa.array(found.keepers)))
    return Duplicates(documents, found.pairs_checked)


def with_contaminated(documents: pa.Table, contaminated: pa.Table) -> pa.Table:
    """The verdicts on all documents: each contaminated one is a cluster of its own and duplicates none."""
    table = contaminated.append_column("cluster", contaminated["id"])
    for column, value in (("reason", CONTAMINATED), ("duplicate_of", "")):
        table = table.append_column(column, pa.array([value] * table.num_rows, pa.string()))
    return pa.concat_tables([documents, table]) if table.num_rows else documents


def _first_with_value(values: pa.ChunkedArray) -> Places:
    """For each place the first place that holds the same value, shape (D,)."""
    codes = values.combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    return np.asarray(first[codes], dtype=np.int64)


def _smallest_id(ids: pa.ChunkedArray, roots: Places) -> pa.ChunkedArray:
    """For each document the smallest id of its cluster."""
    order = pc.sort_indices(ids).to_numpy().astype(np.int64)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    smallest = np.full(len(order), len(order))
    np.minimum.at(smallest, roots, rank)
    return ids.take(pa.array(order[smallest[roots]]))
