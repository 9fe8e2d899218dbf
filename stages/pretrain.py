"""pretrain: trains the base model on the packed tokens of the train split."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path

from pipeline.artifacts import Artifact, canonical_json, open_artifact, write_bytes
from pipeline.errors import DataError
from pipeline.model.batches import BatchOrder, TokenBlocks
from pipeline.model.config import ModelConfig
from pipeline.model.fitting import Data, Fitted, Task, fit
from pipeline.model.initialization import initialize
from pipeline.model.results import TrainingMetrics, curve_csv, training_metrics
from pipeline.model.runtime import launch, start_runtime
from pipeline.model.transformer import Transformer
from pipeline.model.weights import adopt, model_facts, save_model
from pipeline.settings.pretrain import PretrainParams
from pipeline.stage import Input, Output, Work, main
from pipeline.tokenfile import open_tokens

NORM_EPSILON = 1e-6


@dataclasses.dataclass(frozen=True, slots=True)
class PretrainMetrics:
    """The size of the base model, its training, and bits per byte of the raw validation text."""

    parameters: int
    training: TrainingMetrics
    val_bits_per_byte: float


def run(
    packed: Input, model: Output, curve: Output, *, params: PretrainParams, work: Work
) -> PretrainMetrics:
    """Trains, and publishes the weights with the lowest validation loss."""
    splits = {name: open_artifact(packed / name, kind="tokens") for name in ("train", "val")}
    fitted = launch(train_base, splits, params, work.folder / "checkpoints")
    work.weather |= dataclasses.asdict(fitted.weather)
    base = Transformer(model_config(splits["train"], params))
    adopt(base, fitted.best, origin=model)
    tokenizer = splits["train"].fact("tokenizer_sha256")
    save_model(model, base, facts={"role": "base", "tokenizer_sha256": tokenizer})
    write_bytes(curve, curve_csv(fitted.progress.curve))
    training = training_metrics(fitted, block_order(blocks(splits["train"]), params))
    val_bits = training.val_loss.best * fitted.val_targets / math.log(2)
    return PretrainMetrics(model_facts(base)["parameters"], training, val_bits / splits["val"].fact("bytes"))


def train_base(splits: dict[str, Artifact], params: PretrainParams, folder: Path) -> Fitted:
    """One process of the training: a new model on the blocks of the packed splits."""
    runtime = start_runtime(params.runtime)
    model = Transformer(model_config(splits["train"], params))
    initialize(model, seed=params.seed)
    train, val = blocks(splits["train"]), blocks(splits["val"])
    identity = canonical_json([dataclasses.asdict(params), splits["train"].sha256, splits["val"].sha256])
    task = Task("pretrain", hashlib.sha256(identity).hexdigest(), folder, untrained=True)
    return fit(model, Data(train, val, block_order(train, params)), task, params=params, runtime=runtime)


def model_config(train: Artifact, params: PretrainParams) -> ModelConfig:
    """The model's shape: its size from the params, vocabulary and context from the packed tokens."""
    return ModelConfig(
        **dataclasses.asdict(params.model),
        norm_epsilon=NORM_EPSILON,
        context_tokens=train.fact("block_tokens"),
        **{name: train.fact(name) for name in ("vocab_size", "bos_id", "eos_id", "pad_id")},
    )


def blocks(split: Artifact) -> TokenBlocks:
    """The blocks of a packed split; DataError when it has none."""
    found = TokenBlocks(
        open_tokens(split.file("tokens.bin"), verify=False).tokens,
        block_tokens=split.fact("block_tokens"),
        bos_id=split.fact("bos_id"),
        pad_id=split.fact("pad_id"),
    )
    if len(found) < 1:
        raise DataError(f"{split.path}: holds no tokens to learn from; ingest more text")
    return found


def block_order(train: TokenBlocks, params: PretrainParams) -> BatchOrder:
    """The order in which the blocks are learned from."""
    sizes = (params.batch_blocks, params.unit_blocks, params.micro_batch_blocks)
    return BatchOrder(len(train), *sizes, params.seed)


if __name__ == "__main__":
    main("pretrain", run, trains=True)
