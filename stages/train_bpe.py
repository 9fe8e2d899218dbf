"""train_bpe: learns the tokenizer from a sample of the train split and proves that text survives it."""

from __future__ import annotations

import dataclasses
import time

import psutil

from pipeline.artifacts import open_artifact, publishing, write_bytes
from pipeline.settings.train_bpe import TrainBpeParams
from pipeline.stage import Input, Output, Work, main
from pipeline.tokens.bpe import KIND, MODEL_FILE, Tokenizer
from pipeline.tokens.fertility import Fertility, measure
from pipeline.tokens.learning import require_memory, train
from pipeline.tokens.sampling import sample, survey

CHECKED_BYTES = 20_000_000  # of the sample, encoded and decoded again


@dataclasses.dataclass(frozen=True, slots=True)
class SampleMetrics:
    """The train split, and the part of it that the tokenizer learned from."""

    train_documents: int
    train_bytes: int
    documents: int
    bytes: int
    sentences: int  # parts of at most 4,192 bytes that the trainer was given
    bytes_used: int  # less than `bytes` by the reserved character U+2585 only


@dataclasses.dataclass(frozen=True, slots=True)
class TrainBpeMetrics:
    """The vocabulary and how it fits the train split; every measured document survived decoding."""

    model_type: str
    vocab_size: int
    sample: SampleMetrics
    fertility: Fertility


def run(
    documents: Input, gate: Input, tokenizer: Output, *, params: TrainBpeParams, work: Work
) -> TrainBpeMetrics:
    """Samples the train split, trains, measures, and publishes `tokenizer.model`."""
    open_artifact(gate, kind="validation")
    shards = sorted(open_artifact(documents, kind="documents").path.glob("shard-*.parquet"))
    surveyed = survey(shards, seed=params.seed)
    chosen = sample(surveyed, budget=params.sample_bytes)
    free = psutil.virtual_memory().available
    require_memory(chosen.bytes, model_type=params.model_type, free_bytes=free)
    started = time.monotonic()
    trained = train(
        chosen.texts,
        model_type=params.model_type,
        vocab_size=params.vocab_size,
        split_digits=params.split_digits,
        max_piece_chars=params.max_piece_chars,
    )
    work.weather["training_bytes_per_second"] = trained.bytes_in / (time.monotonic() - started)
    learned = Tokenizer(trained.model, origin=str(tokenizer / MODEL_FILE))
    fertility = measure(learned, sample(surveyed, budget=min(CHECKED_BYTES, params.sample_bytes)).tables())
    with publishing(tokenizer, kind=KIND, facts=learned.facts()) as folder:
        write_bytes(folder / MODEL_FILE, trained.model)
    account = SampleMetrics(
        train_documents=len(surveyed.keys),
        train_bytes=int(surveyed.sizes.sum()),
        documents=chosen.documents,
        bytes=trained.bytes_in,
        sentences=trained.sentences,
        bytes_used=trained.bytes_used,
    )
    return TrainBpeMetrics(learned.model_type, learned.vocab_size, account, fertility)


if __name__ == "__main__":
    main("train_bpe", run)
