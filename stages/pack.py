"""pack: encodes every document and lays the tokens of each split out for memory mapping."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from pipeline.artifacts import open_artifact, publishing
from pipeline.engine import map_shards
from pipeline.errors import DataError
from pipeline.records import SPLITS
from pipeline.settings.pack import PackParams
from pipeline.stage import Input, Output, Work, main
from pipeline.tokens.bpe import Tokenizer
from pipeline.tokens.packing import KIND, EncodedShard, EncodeTask, PackedSplit, encode_shard, pack


@dataclasses.dataclass(frozen=True, slots=True)
class PackMetrics:
    """The account of each split; every document that came in is in the stream, whole."""

    splits: dict[str, PackedSplit]


def run(
    documents: Input, tokenizer: Input, gate: Input, packed: Output, *, params: PackParams, work: Work
) -> PackMetrics:
    """Encodes all shards, then packs each split on its own. DataError for a split without a document."""
    open_artifact(gate, kind="validation")
    opened = Tokenizer.open(tokenizer)
    tasks = {
        f"{split}-{shard.stem}": EncodeTask(shard, tokenizer, work.folder / split / shard.stem, params.seed)
        for split in SPLITS
        for shard in sorted(open_artifact(documents / split, kind="documents").path.glob("shard-*.parquet"))
    }
    for split in SPLITS:
        (work.folder / split).mkdir(exist_ok=True)
    started = time.monotonic()
    encoded = map_shards(encode_shard, tasks, result=EncodedShard, work=work.folder / "done", label="pack")
    seconds = time.monotonic() - started
    work.weather["tokens"] = sum(shard.tokens for shard in encoded.values())
    work.weather["encoded_bytes_per_second"] = sum(shard.bytes for shard in encoded.values()) / seconds
    splits = {}
    for split in SPLITS:
        names = [name for name in tasks if name.startswith(f"{split}-")]
        if not sum(encoded[name].documents for name in names):
            raise DataError(
                f"{documents / split}: holds no document; ingest more text or give this split more"
            )
        shards = [tasks[name].encoded for name in names]
        splits[split] = publish(shards, packed / split, tokenizer=opened, params=params)
    return PackMetrics(splits)


def publish(encoded: list[Path], out: Path, *, tokenizer: Tokenizer, params: PackParams) -> PackedSplit:
    """Packs one split and publishes it as the artifact `out`."""
    facts: dict[str, Any] = {
        "block_tokens": params.block_tokens,
        "vocab_size": tokenizer.vocab_size,
        "bos_id": tokenizer.bos_id,
        "eos_id": tokenizer.eos_id,
        "pad_id": tokenizer.pad_id,
        "tokenizer_sha256": tokenizer.sha256,
    }
    with publishing(out, kind=KIND, facts=facts) as folder:
        split = pack(encoded, folder, vocab_size=tokenizer.vocab_size, block_tokens=params.block_tokens)
        facts |= {"tokens": split.tokens, "documents": split.documents, "bytes": split.bytes}
    return split


if __name__ == "__main__":
    main("pack", run)
