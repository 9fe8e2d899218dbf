"""The texts on which deduplication is measured: 1.4 kB each, with planted near duplicates."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import texts
from pipeline.artifacts import publishing
from pipeline.corpus.ingestion import document
from pipeline.corpus.shards import by_id, write_shards
from pipeline.records import Document

CHARACTERS = 1400
PLANTED_SHARE = 0.1
MOST_EDITS = 12
PARAMS_FILE = Path(__file__).resolve().parent.parent / "params.yaml"


def pieces(*, at_most: int) -> list[str]:
    """The text of the corpus as one, cut into pieces of CHARACTERS; the last may be shorter."""
    joined = "\n\n".join(texts(min_chars=1, at_most=10**9))
    return [joined[start : start + CHARACTERS] for start in range(0, len(joined), CHARACTERS)][:at_most]


def planted(originals: Sequence[str], *, seed: int) -> list[str]:
    """Copies of a share of the texts, in each of which one to MOST_EDITS words were replaced."""
    draw = random.Random(seed)
    copies = []
    for text in draw.sample(originals, int(len(originals) * PLANTED_SHARE)):
        words = text.split(" ")
        for _ in range(draw.randint(1, MOST_EDITS)):
            words[draw.randrange(len(words))] = f"edit{draw.randrange(1000)}"
        copies.append(" ".join(words))
    return copies


def publish(folder: Path, documents: Sequence[str]) -> list[Document]:
    """An artifact of the texts at `folder`, and the documents in its order; text n has the origin n."""
    rows = sorted((document("files", str(n), text) for n, text in enumerate(documents)), key=by_id)
    facts = {"documents": len(rows), "bytes": sum(len(row.text.encode()) for row in rows)}
    with publishing(folder, kind="documents", facts=facts) as out:
        write_shards(rows, out)
    return rows
