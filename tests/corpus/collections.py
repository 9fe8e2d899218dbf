"""Small collections of documents, and the artifacts that stages read them from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pyarrow as pa

from pipeline.artifacts import publishing, write_table
from pipeline.corpus.shards import text_bytes, write_shards
from pipeline.records import Document
from pipeline.settings.dedupe import DedupeParams, RepeatedParagraphsParams
from pipeline.settings.mixture import MixtureParams, SourceMixture
from pipeline.settings.validate import ValidateParams

UNMIXED = MixtureParams(*[SourceMixture(max_bytes=None, weight=None) for _ in fields(MixtureParams)])
VALIDATE = ValidateParams(
    min_train_documents=10,
    min_heldout_documents=3,
    min_chars=50,
    max_chars=5000,
    languages=(),
    near_duplicate_sample=100,
    max_near_duplicate_share=0.0,
    max_drift_share=0.5,
    max_source_drift=0.2,
    seed=1,
)
DEDUPE = DedupeParams(
    shingle_words=5,
    num_permutations=128,
    jaccard_threshold=0.7,
    val_fraction=0.2,
    test_fraction=0.2,
    seed=1,
    repeated_paragraphs=RepeatedParagraphsParams(sources=(), min_chars=200),
    mixture=UNMIXED,
    decontaminate=(),
    decontamination_words=13,
)
_WORDS = ("river", "mill", "stone", "grain", "turns", "under", "water", "slowly", "millers", "watch")


def named(name: str, text: str, *, source: str = "files") -> Document:
    """A document whose id and origin are its name."""
    return Document(
        id=f"{source}-{name}", source=source, origin=name, title="", licence="", metadata="{}", text=text
    )


def prose(seed: int, *, words: int = 80) -> str:
    """Words in an order of its own: texts of different seeds share next to no shingles."""
    draw = random.Random(seed)
    return " ".join(f"{draw.choice(_WORDS)}{draw.randrange(1000)}" for _ in range(words))


def edited(text: str, *changes: int) -> str:
    """The text with the words at these places replaced."""
    words = text.split(" ")
    for place in changes:
        words[place] = f"changed{place}"
    return " ".join(words)


def publish(folder: Path, documents: Sequence[Document], *, shard_documents: int = 1000) -> Path:
    """An artifact of these documents at the folder, in shards sorted by id."""
    ordered = sorted(documents, key=lambda document: document.id)
    facts = {"documents": len(ordered), "bytes": sum(text_bytes(document.text) for document in ordered)}
    with publishing(folder, kind="documents", facts=facts) as out:
        write_shards(ordered, out, max_documents=shard_documents)
    return folder


def publish_clusters(
    folder: Path,
    kept: Sequence[tuple[str, str]],
    *,
    dropped: Sequence[tuple[str, str, str]] = (),
    documents: int | None = None,
) -> Path:
    """The table of clusters that `dedupe` writes: (id, split) of what was kept, and why the rest was not."""
    rows = [(name, split, True, "") for name, split in kept]
    rows += [(name, split, False, reason) for name, split, reason in dropped]
    columns = ("id", "split", "kept", "reason")
    table = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in sorted(rows)])
    facts = {"documents": documents or len(rows), "shingle_words": 5, "jaccard_threshold": 0.7}
    with publishing(folder, kind="clusters", facts=facts) as out:
        write_table(out / "clusters.parquet", table)
    return folder
