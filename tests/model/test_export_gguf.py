"""GGUF files hold the model: read back here, and by transformers' own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import gguf
import numpy as np
import pytest
import torch

from pipeline.errors import IntegrityError
from pipeline.model import export_gguf
from pipeline.model.export_gguf import GgufType, error_bound, interleave, named_tensors, write_gguf
from pipeline.model.vocabulary import Vocabulary
from tests.model.exports import VOCAB_SIZE, small_model, small_vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return small_vocabulary()


@pytest.mark.parametrize("layout", ["llama", "qwen3"])
@pytest.mark.parametrize("kind", get_args(GgufType))
def test_a_file_is_written_read_back_and_the_same_again(
    layout: str, kind: GgufType, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    model = small_model(layout)
    written = [
        write_gguf(tmp_path / n, model, vocabulary, kind=kind, name="small", chat=True)
        for n in ("a.gguf", "b.gguf")
    ]
    assert written[0] == written[1]
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()
    assert 0 < written[0].max_error < {"F16": 3e-4, "Q8_0": 3e-3, "Q4_0": 0.08}[kind]


@pytest.mark.parametrize("layout", ["llama", "qwen3"])
def test_transformers_reads_the_same_model_from_the_file(
    layout: str, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    transformers: Any = pytest.importorskip(
        "transformers", reason="transformers is not installed: GGUF is NOT checked against another reader"
    )
    from pipeline.model.export_huggingface import write_huggingface

    model = small_model(layout)
    write_huggingface(tmp_path / "huggingface", model, vocabulary, chat=True)
    write_gguf(tmp_path / "small.gguf", model, vocabulary, kind="F16", name="small", chat=True)
    config = transformers.AutoConfig.from_pretrained(tmp_path / "huggingface")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="small.gguf", config=config, dtype=torch.float32
    )
    tokens_BT = torch.randint(0, VOCAB_SIZE, (2, 64), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert (theirs(tokens_BT).logits - model(tokens_BT)).abs().max() < 0.02


def test_the_tokenizer_is_stored_with_its_kinds_and_no_space_is_added(
    vocabulary: Vocabulary, tmp_path: Path
) -> None:
    write_gguf(tmp_path / "small.gguf", small_model("qwen3"), vocabulary, kind="F16", name="small", chat=True)
    fields = gguf.GGUFReader(tmp_path / "small.gguf").fields
    said = {
        name.removeprefix("tokenizer."): fields[name].contents() for name in fields if "tokenizer" in name
    }
    assert said["ggml.model"] == "llama"
    assert said["ggml.add_space_prefix"] is False
    assert said["ggml.add_bos_token"] is True
    assert [said[f"ggml.{name}_token_id"] for name in ("unknown", "bos", "eos", "padding", "eot")] == [
        0,
        1,
        2,
        3,
        6,
    ]
    assert said["ggml.token_type"][:8] == [2, 3, 3, 3, 3, 3, 3, 6]
    assert set(said["ggml.token_type"][263:]) == {1}
    assert tuple(said["ggml.scores"]) == vocabulary.scores
    assert "<|assistant|>" in said["chat_template"]


def test_rows_of_a_head_are_interleaved_for_llama_only() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert interleave(rows, heads=2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    for layout, same in (("llama", False), ("qwen3", True)):
        model = small_model(layout)
        stored = dict(named_tensors(model))["blk.0.attn_q.weight"]
        assert (
            np.array_equal(stored, model.state_dict()["model.layers.0.self_attn.q_proj.weight"].numpy())
            is same
        )


@pytest.mark.parametrize("kind", get_args(GgufType))
def test_the_error_bound_holds_for_any_scale_and_is_not_idle(kind: GgufType) -> None:
    stored = gguf.GGMLQuantizationType[kind]
    rng = np.random.default_rng(1)
    for scale in (1e-9, 1e-6, 1e-3, 1.0, 1e3):
        weight = (rng.standard_normal((64, 128)) * scale).astype(np.float32)
        read = gguf.quants.dequantize(gguf.quants.quantize(weight, stored), stored).reshape(weight.shape)
        assert (np.abs(read - weight) <= error_bound(weight, stored)).all()
    wrong = np.roll(weight, 1, axis=1)
    assert not (np.abs(wrong - weight) <= error_bound(weight, stored)).all()


def test_a_weight_that_the_format_cannot_hold_is_refused(vocabulary: Vocabulary, tmp_path: Path) -> None:
    model = small_model("llama")
    with torch.no_grad():
        model.get_parameter("model.layers.0.mlp.up_proj.weight")[0, 0] = 1e6
    with pytest.raises(IntegrityError, match=r"tensor blk\.0\.ffn_up\.weight is not the model's within F16"):
        write_gguf(tmp_path / "small.gguf", model, vocabulary, kind="F16", name="small", chat=True)


def test_a_file_that_reads_back_as_another_model_is_refused(vocabulary: Vocabulary, tmp_path: Path) -> None:
    model = small_model("qwen3")
    path = tmp_path / "small.gguf"
    write_gguf(path, model, vocabulary, kind="Q8_0", name="small", chat=True)
    tensors = dict(named_tensors(model))
    tensors["output_norm.weight"] = tensors["output_norm.weight"] + np.float32(1e-6)
    with pytest.raises(IntegrityError, match=r"output_norm\.weight"):
        export_gguf.check(path, tensors, vocabulary, kind="Q8_0")
    del tensors["output_norm.weight"]
    with pytest.raises(IntegrityError, match="other tensors"):
        export_gguf.check(path, tensors, vocabulary, kind="Q8_0")
