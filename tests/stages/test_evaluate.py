"""evaluate: the account of tokens and bytes, the same bytes twice, and refusals."""

from __future__ import annotations

import dataclasses
import math
import shutil
from pathlib import Path

import pytest

from pipeline.artifacts import canonical_json, publishing, read_json, write_bytes
from pipeline.errors import IntegrityError, ParamsError
from pipeline.model.weights import save_model
from pipeline.settings.evaluate import EvaluateParams
from pipeline.stage import Work
from pipeline.tokens.bpe import KIND, MODEL_FILE, Tokenizer
from stages.evaluate import EvaluateMetrics, run
from tests.model.exports import small_model
from tests.stages.mill import HELD_OUT, build_mill
from tests.tokens.material import trained

PARAMS = EvaluateParams(
    stride_tokens=64,
    max_documents=1000,
    bootstrap_samples=50,
    confidence=0.95,
    prompts=("Return a new", "The"),
    questions=("What does `len(obj)` do?",),
    sample_tokens=12,
    temperature=0.7,
    top_k=40,
    threads=1,
    seed=1,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_PROCESSES", "1")
        return build_mill(tmp_path_factory.mktemp("mill"))


def evaluated(data: Path, folder: Path, *, weights: str = "pretrain", **changes: int) -> EvaluateMetrics:
    return run(
        data / weights,
        data / "pack",
        data / "dedupe",
        data / "train_bpe",
        model="base",
        params=dataclasses.replace(PARAMS, **changes),  # type: ignore[arg-type]
        work=Work(folder),
    )


def test_every_token_and_byte_of_the_held_out_documents_counts(data: Path, tmp_path: Path) -> None:
    metrics = evaluated(data, tmp_path)
    for split, score in metrics.splits.items():
        facts = read_json(data / "pack" / split / "manifest.json")["facts"]
        assert score.total.documents == facts["documents"] == HELD_OUT
        assert score.total.tokens == facts["tokens"] - facts["documents"]
        assert score.total.bytes == facts["bytes"]
        assert set(score.by_source) == {"files", "pydocs"}
        assert math.fsum(part.nll for part in score.by_source.values()) == pytest.approx(score.total.nll)
        assert score.total.bits_per_byte * score.total.bytes == pytest.approx(score.total.nll / math.log(2))
        assert 0 < metrics.floors[split].bigram < metrics.floors[split].unigram < 8
        assert 0 < metrics.floors[split].xz_9 < 8


def test_the_floors_stand_beside_the_base_model_alone(data: Path, tmp_path: Path) -> None:
    assert set(evaluated(data, tmp_path, max_documents=1).floors) == {"val", "test"}
    assert evaluated(data, tmp_path, weights="finetune", max_documents=1).floors == {}


def test_a_model_that_guesses_evenly_costs_the_logarithm_of_its_vocabulary(
    data: Path, tmp_path: Path
) -> None:
    model = small_model("qwen3")
    for parameter in model.lm_head.parameters():
        parameter.data.zero_()
    facts = read_json(data / "pretrain/manifest.json")["facts"]
    save_model(tmp_path / "even", model, facts=facts)
    score = evaluated(data, tmp_path, weights=str(tmp_path / "even")).splits["val"].total
    assert score.perplexity == pytest.approx(model.config.vocab_size, rel=1e-5)


def test_the_same_inputs_give_the_same_bytes(data: Path, tmp_path: Path) -> None:
    assert canonical_json(evaluated(data, tmp_path)) == canonical_json(evaluated(data, tmp_path))


def test_a_base_model_continues_prompts_and_a_tuned_one_answers_questions(data: Path, tmp_path: Path) -> None:
    base, tuned = (
        evaluated(data, tmp_path, weights=name, max_documents=1) for name in ("pretrain", "finetune")
    )
    assert [sample.prompt for sample in base.samples] == list(PARAMS.prompts)
    assert [sample.prompt for sample in tuned.samples] == list(PARAMS.questions)
    for sample in (*base.samples, *tuned.samples):
        assert sample.stopped == "end" or sample.tokens == PARAMS.sample_tokens
    assert base.splits["test"].total.documents == 1
    assert base.splits["test"].total.bits_per_byte_low is None


def test_a_stride_beyond_the_context_is_a_problem_of_the_params(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"evaluate\.stride_tokens: is 65; must be 1 to 64"):
        evaluated(data, tmp_path, stride_tokens=65)


def test_a_model_of_another_tokenizer_is_refused(data: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "other", small_model("llama"), facts={"role": "base", "tokenizer_sha256": "x"})
    with pytest.raises(IntegrityError, match="not the tokenizer that the model was trained with"):
        evaluated(data, tmp_path, weights=str(tmp_path / "other"))


def test_tokens_of_another_tokenizer_are_refused(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "data"
    for name in ("pack", "dedupe"):
        shutil.copytree(data / name, other / name)
    with publishing(other / "train_bpe", kind=KIND, facts={}) as folder:
        write_bytes(folder / MODEL_FILE, trained(vocab_size=800, count=10).model)
    facts = {"role": "base", "tokenizer_sha256": Tokenizer.open(other / "train_bpe").sha256}
    save_model(other / "pretrain", small_model("qwen3"), facts=facts)
    with pytest.raises(IntegrityError, match="packed with another tokenizer"):
        evaluated(other, tmp_path)
