"""A small real training for measurements: the default recipe on the bytes of the corpus, in seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.bench import PARAMS_FILE, texts
from pipeline.errors import BusyError
from pipeline.model.batches import TokenBlocks
from pipeline.model.checkpoint import latest_checkpoint
from pipeline.model.config import ModelConfig
from pipeline.model.fitting import Data, Fitted, Task, fit
from pipeline.model.initialization import initialize
from pipeline.model.runtime import start_runtime
from pipeline.model.transformer import Transformer
from pipeline.params import load
from pipeline.settings.pretrain import PretrainParams
from pipeline.settings.sections import SECTIONS
from stages.pretrain import NORM_EPSILON, block_order

CONTEXT_TOKENS = 64
BOS, EOS, PAD, FIRST_BYTE = 0, 1, 2, 3
VOCAB_SIZE = FIRST_BYTE + 256
DOCUMENTS = 60
DOCUMENT_BYTES = 1000
RUN = "benchmark"
Blocks = tuple[TokenBlocks, TokenBlocks]  # to learn from, to measure on


def default_params(**changes: Any) -> PretrainParams:
    """The `pretrain` section of params.yaml with some fields changed."""
    params: PretrainParams = load(PARAMS_FILE, SECTIONS)["pretrain"]
    return dataclasses.replace(params, **changes)


def small_params(*, steps: int, checkpoint_every_steps: int) -> PretrainParams:
    """The default recipe for a model of two narrow layers."""
    params = default_params(
        steps=steps,
        checkpoint_every_steps=checkpoint_every_steps,
        evaluate_every_steps=max(1, steps // 3),
        batch_blocks=4,
        unit_blocks=1,
        micro_batch_blocks=4,
    )
    narrow = dataclasses.replace(
        params.model, num_layers=2, width=64, num_heads=2, num_kv_heads=1, mlp_width=160
    )
    runtime = dataclasses.replace(params.runtime, threads=1, gradients="canonical")
    return dataclasses.replace(params, model=narrow, runtime=runtime)


def byte_blocks(documents: list[str]) -> TokenBlocks:
    """The UTF-8 bytes of the texts, DOCUMENT_BYTES of each at most, as blocks of tokens."""
    pieces = [
        [BOS, *(FIRST_BYTE + byte for byte in text.encode()[:DOCUMENT_BYTES]), EOS] for text in documents
    ]
    stream = np.array(list(itertools.chain.from_iterable(pieces)), dtype=np.uint16)
    return TokenBlocks(stream, block_tokens=CONTEXT_TOKENS, bos_id=BOS, pad_id=PAD)


def blocks() -> Blocks:
    """The corpus' first documents to learn from, and some more to measure on."""
    found = texts(min_chars=DOCUMENT_BYTES, at_most=DOCUMENTS)
    held_out = max(1, len(found) // 10)
    return byte_blocks(found[held_out:]), byte_blocks(found[:held_out])


def drawn_blocks(count: int, *, vocab_size: int, block_tokens: int) -> TokenBlocks:
    """Blocks of tokens drawn at random, for times that do not depend on what is learned."""
    ids = np.random.default_rng(1).integers(FIRST_BYTE, vocab_size, count * block_tokens + 1)
    return TokenBlocks(ids.astype(np.uint16), block_tokens=block_tokens, bos_id=BOS, pad_id=PAD)


def new_model(
    params: PretrainParams, *, vocab_size: int = VOCAB_SIZE, context_tokens: int = CONTEXT_TOKENS
) -> Transformer:
    """The untrained model of the params' shape and seed; for bytes unless another vocabulary is named."""
    shape = ModelConfig(
        **dataclasses.asdict(params.model),
        norm_epsilon=NORM_EPSILON,
        vocab_size=vocab_size,
        context_tokens=context_tokens,
        bos_id=BOS,
        eos_id=EOS,
        pad_id=PAD,
    )
    model = Transformer(shape)
    initialize(model, seed=params.seed)
    return model


def trained(
    folder: Path, params: PretrainParams, data: Blocks, *, model: Transformer | None = None
) -> Fitted:
    """The training with its checkpoints below `folder`, from the last of them if there is one."""
    runtime = start_runtime(params.runtime)
    order = block_order(data[0], params)
    task = Task("training", run=RUN, folder=folder, untrained=True)
    return fit(model or new_model(params), Data(*data, order), task, params=params, runtime=runtime)


def killed_after(seconds: float, folder: Path, params: PretrainParams, data: Blocks) -> bool:
    """Whether SIGKILL found a training, in a process of its own, not yet done after that time."""
    child = os.fork()
    if child == 0:
        trained(folder, params, data)
        os._exit(0)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def stopped_after(step: int, folder: Path, params: PretrainParams, data: Blocks) -> None:
    """Leaves the checkpoints of a training that was told to stop in this step (1 is the first)."""
    calls = 0

    def stop(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == params.batch_blocks // params.unit_blocks * (step - 1) + 1:
            os.kill(os.getpid(), signal.SIGTERM)

    model = new_model(params)
    model.head_VD.register_hook(stop)  # type: ignore[no-untyped-call]
    with contextlib.suppress(BusyError):
        trained(folder, params, data, model=model)


def alike(one: Fitted, other: Fitted, folders: tuple[Path, Path]) -> bool:
    """Whether both trainings ended with the same bits: curve, best weights, last weights and moments."""
    ends = [latest_checkpoint(folder, run=RUN) for folder in folders]
    if one.progress != other.progress or None in ends:
        return False
    return _equal(one.best, other.best) and all(
        _equal(*(getattr(end, part) for end in ends)) for part in ("weights", "moments", "best", "average")
    )


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
