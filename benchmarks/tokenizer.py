"""Learning a vocabulary and encoding with it, beside other tokenizers, and the whole `pack` stage.

Every tokenizer learns VOCAB_SIZE pieces from the same documents and encodes all of them, on one thread, in
turns; megabytes of UTF-8 per processor second, medians of ROUNDS. Encoding is ours by column, as `pack` does
it, byte-checked; SentencePiece's own text by text with the same model, whose ids must be the same; Hugging
Face's `tokenizers` and tiktoken with byte-level BPE of their own (rustbpe learns for tiktoken, which cannot).

The figure is that of the stage on two cores, documents read from shards, encoded, and laid out: what it takes
in one process, the encoding by half, since that is what two processes share. Starting them is not in it.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.bench import Result, texts
from pipeline.artifacts import publishing, write_bytes
from pipeline.corpus.shards import by_id, shard_paths, write_shards
from pipeline.errors import ParamsError
from pipeline.records import Document, document_id
from pipeline.settings.pack import PackParams
from pipeline.stage import Work
from pipeline.tokens.bpe import KIND, MODEL_FILE, Tokenizer
from pipeline.tokens.encoding import Encoder
from pipeline.tokens.learning import train
from pipeline.tokens.packing import EncodeTask, encode_shard
from stages import pack

ROUNDS = 3
DOCUMENTS = 20_000
MIN_CHARS = 100
VOCAB_SIZE = 8192
LEAST_MEGABYTES = 12.0  # a second, by two cores
CORES = 2
PATTERN = (  # how rustbpe and tiktoken cut text before they encode it, as GPT-4's tokenizer does
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+"
)
Encode = Callable[[list[str]], Any]


def measure() -> Result:
    """The speed of each tokenizer and of the stage."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    documents = texts(min_chars=MIN_CHARS, at_most=DOCUMENTS)
    megabytes = sum(len(text.encode()) for text in documents) / 1e6
    encoders: dict[str, Encode] = {}
    learned: dict[str, float] = {}
    started = time.process_time()
    tokenizer = Tokenizer(_model(documents), origin="the benchmark's tokenizer")
    learned["gristmill"] = megabytes / (time.process_time() - started)
    encoders |= _ours(documents, tokenizer)
    for name, learn in (("tokenizers", _hugging_face), ("tiktoken", _tiktoken)):
        started = time.process_time()
        encoders[name] = learn(documents)
        learned[name] = megabytes / (time.process_time() - started)
    seconds: dict[str, list[float]] = {name: [] for name in encoders}
    found: dict[str, Any] = {}
    for _ in range(ROUNDS):
        for name, encode in encoders.items():
            started = time.process_time()
            found[name] = encode(documents)
            seconds[name].append(time.process_time() - started)
    same = np.array_equal(found["gristmill"].ids, np.concatenate(found["SentencePiece"]))
    costs = [_pack(documents, tokenizer.model) for _ in range(ROUNDS)]
    encoding, rest = (statistics.median(each) for each in zip(*costs, strict=True))
    figure = megabytes / (encoding / CORES + rest)
    rows = [(f"{len(documents):,} documents, {megabytes:.1f} MB", "learning, MB/s", "encoding, MB/s")]
    for name in encoders:
        speed = f"{learned[name]:.1f}" if name in learned else "the same"
        rows.append((name, speed, f"{megabytes / statistics.median(seconds[name]):.2f}"))
    rows.append(
        (f"pack: encoding {encoding:.2f} s, the rest {rest:.2f} s", "", f"{figure:.2f} by {CORES} cores")
    )
    figures = (
        ("MB/s with two cores", figure, LEAST_MEGABYTES),
        ("same ids as SentencePiece", float(same), 1.0),
    )
    return Result(tuple(rows), figures)


def _ours(documents: list[str], tokenizer: Tokenizer) -> dict[str, Encode]:
    names = pa.chunked_array([pa.array(map(str, range(len(documents))), pa.string())])

    def by_column(given: list[str]) -> Any:
        return Encoder(tokenizer).encode(names, pa.chunked_array([pa.array(given, pa.string())]))

    return {"gristmill": by_column, "SentencePiece": tokenizer.encode_many}


def _model(documents: list[str]) -> bytes:
    trained = train(
        lambda: documents,
        model_type="bpe",
        vocab_size=VOCAB_SIZE,
        split_digits=True,
        max_piece_chars=16,
    )
    return trained.model


def _hugging_face(documents: list[str]) -> Encode:
    try:
        from tokenizers import Tokenizer as HuggingFace
        from tokenizers import models, pre_tokenizers, trainers
    except ImportError as error:
        raise _missing("tokenizers") from error
    other = HuggingFace(models.BPE())
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB_SIZE, initial_alphabet=alphabet, show_progress=False)
    other.train_from_iterator(documents, trainer)
    return lambda given: [each.ids for each in other.encode_batch_fast(given)]


def _tiktoken(documents: list[str]) -> Encode:
    try:
        import rustbpe
        import tiktoken
    except ImportError as error:
        raise _missing("tiktoken and rustbpe") from error
    learner = rustbpe.Tokenizer()
    learner.train_from_iterator(iter(documents), VOCAB_SIZE, pattern=PATTERN)
    ranks = {bytes(piece): rank for piece, rank in learner.get_mergeable_ranks()}
    other = tiktoken.Encoding("bench", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    return lambda given: [other.encode_ordinary(text) for text in given]


def _missing(names: str) -> ParamsError:
    return ParamsError(f"{names}: not installed; make bench NAME=tokenizer does it")


def _pack(documents: list[str], model: bytes) -> tuple[float, float]:
    """Processor seconds of encoding all shards, and of the whole stage less that."""
    os.environ["GRISTMILL_PROCESSES"] = "1"
    rows = [
        Document(document_id("bench", str(number)), "bench", str(number), "", "", "{}", text)
        for number, text in enumerate(documents)
    ]
    with tempfile.TemporaryDirectory(prefix="gristmill-") as scratch:
        folder = Path(scratch)
        for split, part in (("train", rows[2:]), ("val", rows[:1]), ("test", rows[1:2])):
            with publishing(folder / "documents" / split, kind="documents", facts={}) as out:
                write_shards(sorted(part, key=by_id), out)
        with publishing(folder / "tokenizer", kind=KIND, facts={}) as out:
            write_bytes(out / MODEL_FILE, model)
        with publishing(folder / "gate", kind="validation", facts={}):
            pass
        (folder / "work").mkdir()
        inputs = [folder / name for name in ("documents", "tokenizer", "gate", "packed")]
        started = time.process_time()
        pack.run(*inputs, params=PackParams(block_tokens=256, seed=1), work=Work(folder / "work"))
        whole = time.process_time() - started
        started = time.process_time()
        for shard in shard_paths(folder / "documents/train"):
            encode_shard(EncodeTask(shard, folder / "tokenizer", folder / "again", 1))
        encoding = time.process_time() - started
    return encoding, whole - encoding
