"""quantize: two forms, published together when both are close enough."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts import canonical_json, open_artifact, publishing
from pipeline.errors import IntegrityError, NumericsError
from pipeline.model.quantization import load_quantized
from pipeline.model.weights import save_model
from pipeline.settings.quantize import QuantizeParams
from pipeline.stage import Work
from pipeline.tokenfile import write_tokens
from stages.quantize import QuantizeMetrics, run
from tests.model.exports import VOCAB_SIZE, small_model

PARAMS = QuantizeParams(
    int8_group=64, int4_group=32, check_blocks=3, max_int8_divergence=0.01, max_int4_divergence=1.0, threads=1
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and a packed validation split."""
    folder = tmp_path_factory.mktemp("inputs")
    save_model(folder / "tuned", small_model("qwen3"), facts={"role": "tuned", "tokenizer_sha256": "t"})
    facts = {"block_tokens": 64, "bos_id": 1, "pad_id": 3, "tokenizer_sha256": "t"}
    with publishing(folder / "pack/val", kind="tokens", facts=facts) as packed:
        stream = np.random.default_rng(1).integers(7, VOCAB_SIZE, 400)
        write_tokens(packed / "tokens.bin", [np.array([1]), stream], vocab_size=VOCAB_SIZE)
    return folder


def quantized(inputs: Path, folder: Path, *, params: QuantizeParams = PARAMS) -> QuantizeMetrics:
    (folder / "work").mkdir(parents=True)
    return run(inputs / "tuned", inputs / "pack", folder / "out", params=params, work=Work(folder / "work"))


def test_both_forms_are_models_that_stray_a_little(inputs: Path, tmp_path: Path) -> None:
    metrics = quantized(inputs, tmp_path)
    int8, int4 = metrics.formats["int8"], metrics.formats["int4"]
    assert 0 < int8.divergence.mean_kl < int4.divergence.mean_kl / 10
    assert int4.bytes < int8.bytes < metrics.original_bytes / 2
    assert int8.divergence.tokens == int4.divergence.tokens == 3 * 64
    for name, bits, group in (("int8", 8, 64), ("int4", 4, 32)):
        facts = open_artifact(tmp_path / "out" / name, kind="quantized-model").facts
        assert (facts["bits"], facts["group"], facts["role"]) == (bits, group, "tuned")
        assert load_quantized(tmp_path / "out" / name).config == small_model("qwen3").config


def test_the_same_inputs_give_the_same_bytes(inputs: Path, tmp_path: Path) -> None:
    metrics = [canonical_json(quantized(inputs, tmp_path / name)) for name in ("a", "b")]
    assert metrics[0] == metrics[1]
    for name in ("int8/manifest.json", "int4/manifest.json"):
        assert (tmp_path / "a/out" / name).read_bytes() == (tmp_path / "b/out" / name).read_bytes()


def test_a_form_that_strays_too_far_is_not_published(inputs: Path, tmp_path: Path) -> None:
    strict = dataclasses.replace(PARAMS, max_int4_divergence=1e-6)
    with pytest.raises(
        NumericsError, match=r"^int4 weights stray .* over quantize\.max_int4_divergence 1e-06"
    ):
        quantized(inputs, tmp_path, params=strict)
    assert not (tmp_path / "out").exists()


def test_tokens_of_another_tokenizer_are_refused(inputs: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "tuned", small_model("qwen3"), facts={"tokenizer_sha256": "other"})
    (tmp_path / "pack").symlink_to(inputs / "pack")
    with pytest.raises(IntegrityError, match="another tokenizer"):
        quantized(tmp_path, tmp_path / "run")
