"""finetune: pairs in, a tuned model out, with the account of the pairs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from pipeline.artifacts import canonical_json, open_artifact, publishing
from pipeline.errors import DataError, IntegrityError
from pipeline.model.initialization import initialize
from pipeline.model.transformer import Transformer
from pipeline.model.weights import KIND, load_model, save_model
from pipeline.records import Document
from pipeline.settings.finetune import FinetuneParams
from pipeline.stage import Work
from pipeline.tokens.bpe import Tokenizer
from stages.finetune import FinetuneMetrics, run
from tests.model.trainings import CONFIG, PARAMS
from tests.tokens.material import documents, publish_documents, reference_texts, trained

TUNING = FinetuneParams(
    from_documentation=True,
    from_text=False,
    from_files=False,
    max_pairs=100,
    optimization=dataclasses.replace(PARAMS.optimization, optimizer="adamw", adamw_learning_rate=0.01),
    runtime=PARAMS.runtime,
    steps=6,
    batch_rows=4,
    unit_rows=2,
    micro_batch_rows=2,
    evaluate_every_steps=3,
    checkpoint_every_steps=3,
    seed=1,
)


def documented(number: int) -> Document:
    name, summary = f"area_{number}", f"Return the area of shape {number}."
    detail = {"module": "shapes", "symbol": name, "name": f"shapes.{name}", "kind": "function"}
    metadata = json.dumps(detail | {"signature": "(x)", "parameters": "x", "summary": summary})
    text = f"shapes.{name}(x)\n\n{summary}\n\n" + "It is a number of square metres. " * 2
    return Document(f"pydocs-{number:04d}", "pydocs", "", "", "", metadata, text)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer, a base model, documents and an empty folder of instructions."""
    folder = tmp_path_factory.mktemp("inputs")
    learned = trained(vocab_size=420, count=8)
    tokenizer = Tokenizer(learned.model, origin="here")
    with publishing(folder / "tokenizer", kind="tokenizer", facts=tokenizer.facts()) as out:
        (out / "tokenizer.model").write_bytes(learned.model)
    model = Transformer(dataclasses.replace(CONFIG, vocab_size=tokenizer.vocab_size, context_tokens=128))
    initialize(model, seed=1)
    save_model(folder / "base", model, facts={"role": "base", "tokenizer_sha256": tokenizer.sha256})
    publish_documents(folder / "corpus/train", [documented(number) for number in range(20)])
    publish_documents(folder / "corpus/val", [documented(number) for number in range(20, 24)])
    (folder / "instructions").mkdir()
    return folder


def tuned(
    inputs: Path, folder: Path, *, params: FinetuneParams = TUNING, base: str = "base"
) -> FinetuneMetrics:
    (folder / "work").mkdir(parents=True, exist_ok=True)
    paths = [inputs / name for name in (base, "tokenizer", "corpus", "instructions")]
    outputs = (folder / "model", folder / "curve.csv")
    return run(*paths, *outputs, params=params, work=Work(folder / "work"))


def test_a_tuned_model_its_curve_and_the_account_of_its_pairs_are_written(
    inputs: Path, tmp_path: Path
) -> None:
    metrics = tuned(inputs, tmp_path)
    facts = open_artifact(tmp_path / "model", kind=KIND).facts
    assert (facts["role"], facts["parameters"]) == ("tuned", metrics.parameters)
    assert (metrics.pairs["train"].kept, metrics.pairs["val"].kept) == (40, 8)
    assert metrics.relevance["purpose"].pairs == 4
    assert 4 < metrics.relevance["all"].pairs <= 8
    assert metrics.training.val_loss.best < metrics.training.train_loss.first
    assert metrics.training.epochs > 24 / 40, "several pairs share a row"
    assert metrics.training.gates.first_loss_distance is None
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 1 + TUNING.steps
    before, after = load_model(inputs / "base"), load_model(tmp_path / "model")
    assert before.config == after.config
    assert not torch.equal(before.head_VD, after.head_VD)


def test_the_same_inputs_give_the_same_bytes(inputs: Path, tmp_path: Path) -> None:
    first, second = (canonical_json(tuned(inputs, tmp_path / name)) for name in ("a", "b"))
    assert first == second
    for name in ("model/manifest.json", "curve.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_no_pair_to_learn_from_is_refused(inputs: Path, tmp_path: Path) -> None:
    params = dataclasses.replace(TUNING, from_documentation=False, from_files=True)
    with pytest.raises(DataError, match=rf"^{inputs}/instructions: no train pairs to learn from"):
        tuned(inputs, tmp_path, params=params)


def test_a_corpus_without_documentation_gives_passages_to_continue(inputs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "inputs"
    folder.mkdir()
    for name in ("base", "tokenizer", "instructions"):
        (folder / name).symlink_to(inputs / name)
    texts = reference_texts(count=30)
    for split, part in (("train", texts[:20]), ("val", texts[20:])):
        publish_documents(folder / "corpus" / split, documents(part, source="files"))
    params = dataclasses.replace(TUNING, from_documentation=False, from_text=True)
    metrics = tuned(folder, tmp_path / "tuned", params=params)
    assert metrics.pairs["train"].kept > 20
    assert metrics.relevance.keys() == {"continuation", "all"}


def test_a_base_model_of_another_tokenizer_is_refused(inputs: Path, tmp_path: Path) -> None:
    save_model(inputs / "other", load_model(inputs / "base"), facts={"tokenizer_sha256": "other"})
    with pytest.raises(IntegrityError, match="trained with another tokenizer than"):
        tuned(inputs, tmp_path, base="other")
