"""A training small enough for tests: two layers on a stream in which each token follows from the last."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.model.batches import BatchOrder, TokenBlocks
from pipeline.model.config import ModelConfig
from pipeline.model.fitting import Data, Fitted, Task, fit
from pipeline.model.initialization import initialize
from pipeline.model.runtime import Runtime, start_runtime
from pipeline.model.transformer import Transformer
from pipeline.settings.model import ModelParams
from pipeline.settings.pretrain import PretrainParams
from pipeline.settings.training import (
    OptimizationParams,
    RuntimeParams,
    ScheduleParams,
    WeightDecayParams,
)

VOCAB_SIZE = 40
BOS, EOS, PAD = 1, 2, 3
MODEL = ModelParams(
    num_layers=2,
    width=32,
    num_heads=2,
    num_kv_heads=1,
    mlp="swiglu",
    mlp_width=64,
    norm="rmsnorm",
    norm_place="pre",
    qk_norm=True,
    positions="rope",
    rope_theta=10000.0,
    sliding_window_tokens=None,
    document_attention=True,
    tied_embeddings=False,
    dropout=0.0,
    initialization="zero_output",
)
CONFIG = ModelConfig(
    **dataclasses.asdict(MODEL),
    vocab_size=VOCAB_SIZE,
    context_tokens=16,
    norm_epsilon=1e-6,
    bos_id=BOS,
    eos_id=EOS,
    pad_id=PAD,
)
SCHEDULE = ScheduleParams(
    kind="wsd",
    warmup_share=0.1,
    final_share=0.1,
    decay_share=0.4,
    power=2.0,
    step_every_share=0.3,
    step_factor=0.5,
)
PARAMS = PretrainParams(
    model=MODEL,
    optimization=OptimizationParams(
        optimizer="muon",
        muon_learning_rate=0.02,
        muon_momentum=0.95,
        adamw_learning_rate=0.01,
        adamw_beta1=0.9,
        adamw_beta2=0.95,
        adamw_epsilon=1e-8,
        embedding_learning_rate=0.01,
        weight_decay=WeightDecayParams(matrices=0.01, embeddings=0.0, head=0.0, norms=0.0),
        schedule=SCHEDULE,
        max_gradient_norm=1.0,
        label_smoothing=0.0,
        z_loss=0.0,
        ema_decay=None,
    ),
    runtime=RuntimeParams(
        precision="fp32",
        gradients="canonical",
        threads=1,
        gradient_checkpointing=False,
        compile=False,
        sharded=False,
    ),
    steps=12,
    batch_blocks=4,
    unit_blocks=2,
    micro_batch_blocks=4,
    evaluate_every_steps=5,
    checkpoint_every_steps=4,
    seed=1,
)


def stream(*, documents: int, seed: int) -> npt.NDArray[np.uint16]:
    """Documents of 5 to 40 tokens that count upwards from a random start: `<s> 17 18 19 ... </s>`."""
    random = np.random.default_rng(seed)
    pieces = []
    for _ in range(documents):
        start, length = random.integers(4, VOCAB_SIZE), random.integers(5, 40)
        pieces.append([BOS, *(4 + (start + np.arange(length)) % (VOCAB_SIZE - 4)), EOS])
    return np.concatenate(pieces).astype(np.uint16)


def blocks(*, documents: int, seed: int) -> TokenBlocks:
    """Such a stream in blocks of the context's length."""
    return TokenBlocks(stream(documents=documents, seed=seed), block_tokens=16, bos_id=BOS, pad_id=PAD)


def new_model(config: ModelConfig = CONFIG, *, seed: int = 1) -> Transformer:
    """An untrained model."""
    model = Transformer(config)
    initialize(model, seed=seed)
    return model


def runtime(params: RuntimeParams = PARAMS.runtime) -> Runtime:
    """This process, one thread."""
    return start_runtime(params)


def fitted(folder: Path, *, params: PretrainParams = PARAMS, model: Transformer | None = None) -> Fitted:
    """A whole training with its checkpoints below `folder`."""
    train = blocks(documents=40, seed=1)
    sizes = (params.batch_blocks, params.unit_blocks, params.micro_batch_blocks)
    order = BatchOrder(len(train), *sizes, params.seed)
    task = Task("training", run=str(dataclasses.astuple(params)), folder=folder, untrained=True)
    data = Data(train, blocks(documents=6, seed=2), order)
    return fit(model or new_model(), data, task, params=params, runtime=runtime(params.runtime))
