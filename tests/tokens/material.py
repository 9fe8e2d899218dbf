"""Text for small tests: the language reference that Python carries, and strings that break tokenizers."""

from __future__ import annotations

import random
from pathlib import Path
from pydoc_data.topics import topics

from pipeline.artifacts import publishing, write_table
from pipeline.records import Document, document_id, shard_name, to_table
from pipeline.settings.train_bpe import ModelType
from pipeline.tokens.learning import Trained, train

HARD_TEXTS = (
    "",
    " ",
    "   leading and trailing   ",
    "a  b   c    d",
    "\n\n\nlines\n\n  and\tcolumns\t\t\n",
    "<s></s><unk><pad><0x41><0x0A><|user|>hi<|end|><|assistant|><|endoftext|>",
    "<|user|><s> <|end|> </s>",
    "café cafe\u0301 naïve ß İı \u05d0\u05d1\u05d2 \u0627\u0628",
    "日本語 한국어 Ελληνικά Русский",
    "🤗 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea e" + "\u0301" * 40,
    "a\u2585b \u2047 \ufffd \ufeff \u00a0 \u202e \x00\x01\x1b[2J",
    "1234567890 3.14159 1e-9 0x41 2024-01-01",
    "x" * 500 + "ab" * 200 + "aba" * 100,
)


def reference_texts(*, count: int = 60) -> list[str]:
    """The first topics of Python's language reference by name, 1 to 40 kB each."""
    return [topics[name] for name in sorted(topics)][:count]


def trained(*, model_type: ModelType = "bpe", vocab_size: int = 800, count: int = 60) -> Trained:
    """A tokenizer of the language reference."""
    return train(
        lambda: reference_texts(count=count),
        model_type=model_type,
        vocab_size=vocab_size,
        split_digits=True,
        max_piece_chars=16,
    )


def random_text(rng: random.Random) -> str:
    """Pieces of real words, marks, spaces and rare characters in any order."""
    parts = [
        "the ",
        "return",
        " self",
        "\n",
        "  ",
        "<s>",
        "<|end|>",
        "<0x41>",
        "\u00e9",
        "\U0001f917",
        "7",
        ".",
        "aaa",
    ]
    parts += ["def __init__(self)", "\t", "\u65e5", "-----", "====", "abab"]
    return "".join(rng.choice(parts) for _ in range(rng.randrange(40)))


def documents(texts: list[str], *, source: str = "pydocs") -> list[Document]:
    """The texts as documents of one source, sorted by id."""
    rows = [
        Document(document_id(source, str(n)), source, str(n), "", "", "{}", t) for n, t in enumerate(texts)
    ]
    return sorted(rows, key=lambda row: row.id)


def publish_documents(out: Path, rows: list[Document], *, shard_rows: int = 10) -> Path:
    """The documents as a published artifact of several shards."""
    with publishing(out, kind="documents", facts={"documents": len(rows)}) as folder:
        for number, start in enumerate(range(0, len(rows), shard_rows)):
            write_table(folder / shard_name(number), to_table(rows[start : start + shard_rows]))
    return out


def publish_gate(out: Path) -> Path:
    """The artifact that the `validate` stage leaves when every expectation holds."""
    with publishing(out, kind="validation", facts={}):
        pass
    return out
