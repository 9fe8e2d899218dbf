"""finetune: tunes the base model on prompt/response pairs, loss on the response only."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from pipeline.artifacts import canonical_json, open_artifact, write_bytes
from pipeline.errors import DataError, IntegrityError
from pipeline.model.batches import BatchOrder
from pipeline.model.conversations import ChatIds, PairAccount, PairLimits, PairRows, prepared
from pipeline.model.fitting import Data, Fitted, Task, fit
from pipeline.model.instructions import PairSources
from pipeline.model.relevance import Relevance, question_relevance
from pipeline.model.results import TrainingMetrics, curve_csv, training_metrics
from pipeline.model.runtime import launch, start_runtime
from pipeline.model.sharding import fill
from pipeline.model.weights import KIND, adopt, load_model, model_facts, save_model
from pipeline.settings.finetune import FinetuneParams
from pipeline.stage import Input, Output, Work, main
from pipeline.tokens.bpe import Tokenizer

ROLE = "tuned"


@dataclasses.dataclass(frozen=True, slots=True)
class FinetuneMetrics:
    """The tuned model's size, its pairs by split, how much the question matters by its kind, the training."""

    parameters: int
    pairs: dict[str, PairAccount]
    relevance: dict[str, Relevance]
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
    """Tunes on the pairs and publishes the weights of the lowest validation loss; DataError without pairs."""
    start, opened = open_artifact(base, kind=KIND), Tokenizer.open(tokenizer)
    if start.fact("tokenizer_sha256") != opened.sha256:
        raise IntegrityError(f"{base}: trained with another tokenizer than {tokenizer}; run `dvc repro`")
    sources = PairSources(
        documentation=corpus if params.from_documentation else None,
        text=corpus if params.from_text else None,
        files=instructions if params.from_files else None,
    )
    found = sources.pairs()
    chat = ChatIds(opened.bos_id, opened.user_id, opened.assistant_id, opened.end_id, opened.pad_id)
    limits = PairLimits(params.max_pairs, start.fact("context_tokens"), params.seed)
    pairs, accounts = {}, {}
    for split, known in (("train", set()), ("val", {pair.prompt for pair in found["train"]})):
        pairs[split], accounts[split] = prepared(
            found[split], opened.encode_many, chat=chat, limits=limits, known=known
        )
        if not len(pairs[split]):
            raise DataError(f"{sources.named(split)}: no {split} pairs to learn from; add some")
    fitted, relevance = launch(train_on_pairs, base, pairs, params, work.folder / "checkpoints")
    work.weather |= dataclasses.asdict(fitted.weather)
    model = load_model(base)
    adopt(model, fitted.best, origin=tuned)
    save_model(tuned, model, facts={"role": ROLE, "tokenizer_sha256": opened.sha256})
    write_bytes(curve, curve_csv(fitted.progress.curve))
    training = training_metrics(fitted, row_order(pairs["train"], params))
    return FinetuneMetrics(model_facts(model)["parameters"], accounts, relevance, training)


def train_on_pairs(
    base: Path, pairs: dict[str, PairRows], params: FinetuneParams, folder: Path
) -> tuple[Fitted, dict[str, Relevance]]:
    """One process of the tuning: the base model on the encoded pairs, and what became of it."""
    runtime = start_runtime(params.runtime)
    model = load_model(base).train()
    parts = [open_artifact(base, kind=KIND).sha256, pairs["train"].sha256, pairs["val"].sha256]
    identity = canonical_json([dataclasses.asdict(params), *parts])
    task = Task("finetune", hashlib.sha256(identity).hexdigest(), folder, untrained=False)
    data = Data(pairs["train"], pairs["val"], row_order(pairs["train"], params))
    fitted = fit(model, data, task, params=params, runtime=runtime)
    fill(model, fitted.best)
    return fitted, question_relevance(model, pairs["val"], runtime=runtime)


def row_order(train: PairRows, params: FinetuneParams) -> BatchOrder:
    """The order in which the rows of pairs are learned from."""
    sizes = (params.batch_rows, params.unit_rows, params.micro_batch_rows)
    return BatchOrder(len(train), *sizes, params.seed)


if __name__ == "__main__":
    main("finetune", run, trains=True)
