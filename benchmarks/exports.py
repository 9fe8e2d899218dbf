"""The exported base model in llama.cpp and in transformers, beside this project's own on the same documents.

    .venv/bin/pip install -c constraints.txt -e '.[llama-cpp]'    # builds llama.cpp: needs a C++ compiler
    make bench NAME=exports

It reads the artifacts of the last run, so run the pipeline first. A document counts up to the length of
the context.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.bench import PARAMS_FILE, Result
from pipeline.corpus.shards import read_shards
from pipeline.errors import DataError, ParamsError
from pipeline.model.inference import open_model
from pipeline.tokens.bpe import Tokenizer

DATA = PARAMS_FILE.parent / "data"
DOCUMENTS = 100  # the first of the test split
OWN, TRANSFORMERS = "gristmill", "transformers"
LEAST = {  # this project's bits per byte over the program's
    TRANSFORMERS: 0.999,
    "llama.cpp, F16": 0.999,
    "llama.cpp, Q8_0": 0.995,
    "llama.cpp, Q4_0": 0.95,
}
Logits = Callable[[list[int]], Tensor]  # (T, V) for T ids


def measure() -> Result:
    """Bits per byte of all; DataError where nothing was exported, ParamsError without llama-cpp-python."""
    exported = DATA / "export/base"
    if not (exported / "huggingface").is_dir():
        raise DataError(f"{exported}/huggingface: is missing; run `dvc repro` first, of a model for export")
    tokenizer = Tokenizer.open(DATA / "train_bpe")
    own = open_model(DATA / "pretrain", threads=1).network
    context = own.config.context_tokens
    texts = (document.text for document in islice(read_shards(DATA / "dedupe/test"), DOCUMENTS))
    rows = [[tokenizer.bos_id, *tokenizer.encode(text)][:context] for text in texts]
    size = sum(len(tokenizer.piece_bytes(id)) for row in rows for id in row[1:])
    programs: dict[str, Logits] = {
        OWN: lambda ids: own(torch.tensor([ids]))[0],
        TRANSFORMERS: _transformers(exported / "huggingface"),
    }
    for path in sorted((exported / "gguf").glob("*.gguf")):
        programs[f"llama.cpp, {path.stem.rpartition('-')[2]}"] = _llama_cpp(path, context)
    found = {name: _bits(logits, rows) / size for name, logits in programs.items()}
    table = (("program", "bits per byte"), *((name, f"{bits:.4f}") for name, bits in found.items()))
    return Result(table, tuple((name, found[OWN] / found[name], LEAST[name]) for name in list(programs)[1:]))


def _bits(logits: Logits, rows: list[list[int]]) -> float:
    """What all tokens but the first of each row cost in bits."""
    nats = 0.0
    with torch.inference_mode():
        for ids in rows:
            shares_TV = torch.log_softmax(logits(ids).double(), dim=-1)
            nats -= float(shares_TV[:-1].gather(1, torch.tensor(ids[1:])[:, None]).sum())
    return nats / math.log(2)


def _transformers(folder: Path) -> Logits:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return lambda ids: model(torch.tensor([ids])).logits[0]  # type: ignore[no-any-return]


def _llama_cpp(path: Path, context: int) -> Logits:
    try:
        from llama_cpp import Llama
    except ImportError as error:
        raise ParamsError(
            "llama-cpp-python is not installed; .venv/bin/pip install -c constraints.txt -e '.[llama-cpp]'"
        ) from error
    model: Any = Llama(str(path), n_ctx=context, n_threads=1, logits_all=True, verbose=False)

    def logits(ids: list[int]) -> Tensor:
        model.reset()
        model.eval(ids)
        return torch.from_numpy(model.scores[: len(ids)].copy())

    return logits
