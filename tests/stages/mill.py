"""What `evaluate` and `generate` read, small: a corpus of two sources, its tokens, and two models."""

from __future__ import annotations

from pathlib import Path

from pipeline.artifacts import publishing, write_bytes
from pipeline.model.weights import save_model
from pipeline.settings.pack import PackParams
from pipeline.stage import Work
from pipeline.tokens.bpe import KIND, MODEL_FILE, Tokenizer
from stages import pack
from tests.model.exports import VOCAB_SIZE, small_model
from tests.tokens.material import documents, publish_documents, publish_gate, reference_texts, trained

HELD_OUT = 6  # documents of val and of test, by halves from either source


def build_mill(folder: Path) -> Path:
    """Writes data/ below `folder` as the stages before would leave it and returns it."""
    data = folder / "data"
    texts = reference_texts(count=40)
    rows = documents(texts[:20]) + documents([text[:1500] for text in texts[20:]], source="files")
    rows.sort(key=lambda row: row.origin.zfill(2))
    held_out = {"val": rows[:HELD_OUT], "test": rows[HELD_OUT : 2 * HELD_OUT], "train": rows[2 * HELD_OUT :]}
    for split, part in held_out.items():
        publish_documents(data / "dedupe" / split, sorted(part, key=lambda row: row.id), shard_rows=4)
    with publishing(data / "train_bpe", kind=KIND, facts={}) as tokenizer:
        write_bytes(tokenizer / MODEL_FILE, trained(vocab_size=VOCAB_SIZE, count=40).model)
    gate, work = publish_gate(data / "validate"), folder / "work"
    work.mkdir()
    params = PackParams(block_tokens=64, seed=1)
    pack.run(data / "dedupe", data / "train_bpe", gate, data / "pack", params=params, work=Work(work))
    facts = {"tokenizer_sha256": Tokenizer.open(data / "train_bpe").sha256}
    save_model(data / "pretrain", small_model("qwen3"), facts={"role": "base", **facts})
    save_model(data / "finetune", small_model("llama"), facts={"role": "tuned", **facts})
    return data
