"""export: both models in every format, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import pytest

from pipeline.artifacts import canonical_json, open_artifact, publishing, write_bytes
from pipeline.errors import IntegrityError
from pipeline.model.weights import save_model
from pipeline.settings.export import ExportParams
from stages.export import ExportMetrics, run
from tests.model.exports import small_model, small_tokenizer

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
