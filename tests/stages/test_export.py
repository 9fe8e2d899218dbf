"""export: both models in every format, or nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import gguf
import pytest

from pipeline.artifacts import canonical_json, open_artifact, publishing, write_bytes
from pipeline.errors import IntegrityError
from pipeline.model.weights import save_model
from pipeline.settings.export import ExportParams
from pipeline.tokens.bpe import Tokenizer
from stages.export import ExportMetrics, run
from tests.model.exports import VOCAB_SIZE, small_model, small_tokenizer
from tests.tokens.material import trained

PARAMS = ExportParams(model_name="Test mill", gguf_types=("F16", "Q4_0"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models and their tokenizer."""
    folder, tokenizer = tmp_path_factory.mktemp("inputs"), small_tokenizer()
    for name, layout in (("base", "llama"), ("tuned", "qwen3")):
        save_model(folder / name, small_model(layout), facts={"tokenizer_sha256": tokenizer.sha256})
    with publishing(folder / "tokenizer", kind="tokenizer", facts={}) as out:
        write_bytes(out / "tokenizer.model", tokenizer.model)
    return folder


def exported(inputs: Path, out: Path) -> ExportMetrics:
    return run(inputs / "base", inputs / "tuned", inputs / "tokenizer", out, params=PARAMS)


def test_every_format_of_both_models_is_in_one_artifact(inputs: Path, tmp_path: Path) -> None:
    metrics = exported(inputs, tmp_path / "out")
    open_artifact(tmp_path / "out", kind="export")
    assert {role: model.layout for role, model in metrics.models.items()} == {
        "base": "Llama",
        "tuned": "Qwen3",
    }
    for role, model in metrics.models.items():
        assert {file.name for file in (tmp_path / "out" / role / "gguf").iterdir()} == {
            f"Test-mill-{role}-F16.gguf",
            f"Test-mill-{role}-Q4_0.gguf",
        }
        for name, size in model.huggingface_bytes.items():
            assert (tmp_path / "out" / role / "huggingface" / name).stat().st_size == size
        assert model.gguf["Q4_0"].bytes < model.gguf["F16"].bytes
    assert metrics.merges > 400


def test_only_the_tuned_model_comes_with_a_chat_template(inputs: Path, tmp_path: Path) -> None:
    exported(inputs, tmp_path / "out")
    for role in ("base", "tuned"):
        config = json.loads((tmp_path / "out" / role / "huggingface/tokenizer_config.json").read_text())
        fields = gguf.GGUFReader(tmp_path / "out" / role / "gguf" / f"Test-mill-{role}-F16.gguf").fields
        has_template = {"chat_template" in config, "tokenizer.chat_template" in fields}
        assert has_template == {role == "tuned"}


def test_a_model_that_no_format_holds_is_not_exported_and_a_sentence_says_why(
    inputs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("tuned", "tokenizer"):
        (tmp_path / name).symlink_to(inputs / name)
    facts = open_artifact(inputs / "base", kind="model").facts
    changed = small_model("llama", norm="layernorm", mlp="relu2")
    save_model(tmp_path / "base", changed, facts={"tokenizer_sha256": facts["tokenizer_sha256"]})
    metrics = exported(tmp_path, tmp_path / "out")
    sentence = (
        "Not exported: no Llama, Mistral or Qwen3 model has pretrain.model.norm: layernorm (only rmsnorm) "
        "or pretrain.model.mlp: relu2 (only swiglu)."
    )
    base, tuned = metrics.models["base"], metrics.models["tuned"]
    assert (base.layout, base.huggingface_bytes, base.gguf, base.not_exported) == (None, {}, {}, sentence)
    assert (tuned.layout, len(tuned.gguf), tuned.not_exported) == ("Qwen3", 2, None)
    assert [file.name for file in (tmp_path / "out/base").iterdir()] == ["NOT_EXPORTED.txt"]
    assert (tmp_path / "out/base/NOT_EXPORTED.txt").read_text() == sentence + "\n"
    assert not (tmp_path / "out/tuned/NOT_EXPORTED.txt").exists()
    open_artifact(tmp_path / "out", kind="export")
    assert [record.getMessage() for record in caplog.records] == [f"export: the base model: {sentence}"]


def test_a_sliding_window_is_exported_for_transformers_alone(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer").symlink_to(inputs / "tokenizer")
    facts = open_artifact(inputs / "base", kind="model").facts
    for name, layout in (("base", "llama"), ("tuned", "qwen3")):
        model = small_model(layout, sliding_window_tokens=8)
        save_model(tmp_path / name, model, facts={"tokenizer_sha256": facts["tokenizer_sha256"]})
    metrics = exported(tmp_path, tmp_path / "out")
    assert {role: model.layout for role, model in metrics.models.items()} == {
        "base": "Mistral",
        "tuned": "Qwen3",
    }
    for role, model in metrics.models.items():
        assert model.gguf == {}
        assert model.not_exported is not None
        assert model.not_exported.startswith(
            "Not exported as GGUF: llama.cpp's Llama and Qwen3 have no sliding"
        )
        assert (tmp_path / "out" / role / "NOT_EXPORTED.txt").read_text() == f"{model.not_exported}\n"
        assert not list((tmp_path / "out" / role / "gguf").iterdir())
    without = dataclasses.replace(PARAMS, gguf_types=())
    names = ("base", "tuned", "tokenizer")
    metrics = run(*(tmp_path / name for name in names), tmp_path / "hf", params=without)
    assert {model.not_exported for model in metrics.models.values()} == {None}


def test_only_a_bpe_tokenizer_is_exported(inputs: Path, tmp_path: Path) -> None:
    words = Tokenizer(trained(model_type="unigram", vocab_size=VOCAB_SIZE).model, origin="here")
    for name, layout in (("base", "llama"), ("tuned", "qwen3")):
        save_model(tmp_path / name, small_model(layout), facts={"tokenizer_sha256": words.sha256})
    with publishing(tmp_path / "tokenizer", kind="tokenizer", facts={}) as folder:
        write_bytes(folder / "tokenizer.model", words.model)
    metrics = exported(tmp_path, tmp_path / "out")
    sentence = "Not exported: train_bpe.model_type is unigram (only bpe is written for others)."
    for role, model in metrics.models.items():
        assert (model.layout, model.gguf, model.not_exported) == (None, {}, sentence)
        assert (tmp_path / "out" / role / "NOT_EXPORTED.txt").read_text() == sentence + "\n"


def test_the_same_inputs_give_the_same_bytes(inputs: Path, tmp_path: Path) -> None:
    metrics = [canonical_json(exported(inputs, tmp_path / name)) for name in ("a", "b")]
    assert metrics[0] == metrics[1]
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()


def test_a_model_of_another_tokenizer_is_refused_and_nothing_written(inputs: Path, tmp_path: Path) -> None:
    for name in ("base", "tokenizer"):
        (tmp_path / name).symlink_to(inputs / name)
    save_model(tmp_path / "tuned", small_model("qwen3"), facts={"tokenizer_sha256": "other"})
    with pytest.raises(IntegrityError, match="tuned: trained with another tokenizer"):
        exported(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
