"""Small collections of documents, and the artifacts that stages read them from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from pipeline.artifacts import publishing
from pipeline.corpus.shards import text_bytes, write_shards
from pipeline.records import Document

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
