"""The documents of a held-out split, each as tokens and as text, side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import Artifact, open_artifact, read_table
from pipeline.errors import DataError, IntegrityError
from pipeline.records import DOCUMENT_SCHEMA
from pipeline.tokenfile import open_tokens
from pipeline.tokens.packing import DOCUMENTS_FILE, INDEX_SCHEMA, KIND, TOKENS_FILE

Tokens = npt.NDArray[np.unsignedinteger]


@dataclasses.dataclass(frozen=True, slots=True)
class Heldout:
    """Documents in the order of their ids; the arrays have one entry per document.

    `stream` is the whole token stream of the split. Document i is `stream[first_tokens[i]:][:num_tokens[i]]`,
    from its `<s>` to its `</s>`, and `texts[i]`, which has `num_bytes[i]` bytes.
    """

    sources: list[str]
    first_tokens: npt.NDArray[np.int64]
    num_tokens: npt.NDArray[np.int64]
    num_bytes: npt.NDArray[np.int64]
    stream: Tokens
    texts: list[str]

    def documents(self) -> list[Tokens]:
        """The tokens of each document."""
        spans = zip(self.first_tokens.tolist(), self.num_tokens.tolist(), strict=True)
        return [self.stream[first : first + count] for first, count in spans]


def open_stream(packed: Path) -> tuple[Artifact, Tokens]:
    """A packed split and its token stream, verified; IntegrityError when it is damaged."""
    artifact = open_artifact(packed, kind=KIND)
    opened = open_tokens(artifact.file(TOKENS_FILE), verify=False)  # the artifact's own hash covers it
    return artifact, opened.tokens


def open_heldout(packed: Path, corpus: Path, *, max_documents: int) -> Heldout:
    """At most so many documents of a packed split, with their texts from the same split of the corpus.

    The first of the stream are taken: packing has shuffled it, so every source has its share of them.
    DataError when the split is empty; IntegrityError when tokens and texts are not of the same documents.
    """
    artifact, stream = open_stream(packed)
    index = read_table(artifact.file(DOCUMENTS_FILE), schema=INDEX_SCHEMA)[:max_documents].sort_by("id")
    if not index.num_rows:
        raise DataError(f"{packed}: holds no document; give this split more text")
    texts = list(_texts(corpus, index))
    heldout = Heldout(
        sources=index["source"].to_pylist(),
        first_tokens=index["first_token"].to_numpy(),
        num_tokens=index["num_tokens"].to_numpy(),
        num_bytes=index["num_bytes"].to_numpy(),
        stream=stream,
        texts=texts,
    )
    if [len(text.encode("utf-8")) for text in texts] != heldout.num_bytes.tolist():
        raise IntegrityError(f"{packed}: its texts are not those of {corpus}; run `dvc repro`")
    _require_marks(heldout, packed, bos_id=artifact.fact("bos_id"), eos_id=artifact.fact("eos_id"))
    return heldout


def _texts(corpus: Path, index: pa.Table) -> Iterator[str]:
    """The texts of the index's documents, in its order; shards and rows are sorted by id, as the index is."""
    wanted, done = index["id"].combine_chunks(), 0
    for shard in sorted(open_artifact(corpus, kind="documents").path.glob("shard-*.parquet")):
        if done == len(wanted):
            return
        rows = read_table(shard, schema=DOCUMENT_SCHEMA, columns=["id", "text"])
        rows = rows.filter(pc.is_in(rows["id"], value_set=wanted))
        if not rows["id"].combine_chunks().equals(wanted.slice(done, rows.num_rows)):
            break
        yield from rows["text"].to_pylist()
        done += rows.num_rows
    if done != len(wanted):
        raise IntegrityError(f"{corpus}: lacks packed documents or has them in another order; rebuild it")


def _require_marks(heldout: Heldout, packed: Path, *, bos_id: int, eos_id: int) -> None:
    """IntegrityError unless every document of the index lies in the stream from a `<s>` to a `</s>`."""
    first, last = heldout.first_tokens, heldout.first_tokens + heldout.num_tokens - 1
    inside = bool((first >= 0).all() and (last > first).all() and (last < len(heldout.stream)).all())
    if not inside or (heldout.stream[first] != bos_id).any() or (heldout.stream[last] != eos_id).any():
        raise IntegrityError(f"{packed / DOCUMENTS_FILE}: does not fit the tokens beside it; rebuild it")
