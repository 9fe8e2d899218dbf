"""finetune: tunes the base model on prompt/response pairs, loss on the response only."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from pipeline.artifacts import canonical_json, open_artifact, write_bytes
from pipeline.errors import DataError, IntegrityError
from pipeline.model.batches import BatchOrder
from pipeline.model.fitting import Data, Fitted, Task, fit
from pipeline.model.instructions import ChatIds, PairAccount, PairLimits, PairRows, found_pairs, prepared
from pipeline.model.results import TrainingMetrics, curve_csv, training_metrics
from pipeline.model.runtime import launch, start_runtime
from pipeline.model.weights import KIND, adopt, load_model, model_facts, save_model
from pipeline.settings.finetune import FinetuneParams
from pipeline.stage import Input, Output, Work, main
from pipeline.tokens.bpe import Tokenizer

ROLE = "tuned"


@dataclasses.dataclass(frozen=True, slots=True)
class FinetuneMetrics:
    """The size of the tuned model, the account of its pairs by split, and its training."""

    parameters: int
    pairs: dict[str, PairAccount]
    training: TrainingMetrics


def run(
    base: Input,
    tokenizer: Input,
    corpus: Input,
    instructions: Input,
    tuned: Output,
    curve: Output,
    *,
    params: FinetuneParams,
    work: Work,
) -> FinetuneMetrics:
    """Makes the pairs, tunes on them, and publishes the weights with the lowest validation loss."""
    start, opened = open_artifact(base, kind=KIND), Tokenizer.open(tokenizer)
    if start.fact("tokenizer_sha256") != opened.sha256:
        raise IntegrityError(f"{base}: trained with another tokenizer than {tokenizer}; run `dvc repro`")
    sources = (corpus if params.from_documentation else None, instructions if params.from_files else None)
    chat = ChatIds(opened.bos_id, opened.user_id, opened.assistant_id, opened.end_id, opened.pad_id)
    limits = PairLimits(params.max_pairs, start.fact("context_tokens"), params.seed)
    pairs, accounts = {}, {}
    for split, found in found_pairs(*sources).items():
        pairs[split], accounts[split] = prepared(found, opened.encode, chat=chat, limits=limits)
        if not len(pairs[split]):
            raise DataError(f"{corpus / split} and {instructions}: no {split} pairs to learn from; add some")
    fitted = launch(train_on_pairs, base, pairs, params, work.folder / "checkpoints")
    work.weather |= dataclasses.asdict(fitted.weather)
    model = load_model(base)
    adopt(model, fitted.best, origin=tuned)
    save_model(tuned, model, facts={"role": ROLE, "tokenizer_sha256": opened.sha256})
    write_bytes(curve, curve_csv(fitted.progress.curve))
    training = training_metrics(fitted, pair_order(pairs["train"], params))
    return FinetuneMetrics(model_facts(model)["parameters"], accounts, training)


def train_on_pairs(base: Path, pairs: dict[str, PairRows], params: FinetuneParams, folder: Path) -> Fitted:
    """One process of the tuning: the base model on the encoded pairs."""
    runtime = start_runtime(params.runtime)
    model = load_model(base).train()
    parts = [open_artifact(base, kind=KIND).sha256, pairs["train"].sha256, pairs["val"].sha256]
    identity = canonical_json([dataclasses.asdict(params), *parts])
    task = Task("finetune", hashlib.sha256(identity).hexdigest(), folder, untrained=False)
    data = Data(pairs["train"], pairs["val"], pair_order(pairs["train"], params))
    return fit(model, data, task, params=params, runtime=runtime)


def pair_order(train: PairRows, params: FinetuneParams) -> BatchOrder:
    """The order in which the pairs are learned from."""
    return BatchOrder(len(train), params.batch_pairs, params.micro_batch_pairs, params.seed)


if __name__ == "__main__":
    main("finetune", run)
