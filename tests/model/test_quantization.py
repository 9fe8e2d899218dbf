"""Integers and scales: what is stored, how far it is from the weights, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.artifacts import open_artifact
from pipeline.errors import IntegrityError, NumericsError
from pipeline.model.quantization import (
    Bits,
    dequantize,
    load_quantized,
    pack_nibbles,
    quantize,
    round_to_groups,
    save_quantized,
    unpack_nibbles,
)
from tests.model.exports import small_model


def test_a_matrix_worked_out_by_hand() -> None:
    weight = torch.tensor([[1.0, -0.5, 0.0, 0.26, 64.0, -80.0, 14.0, -3.0]])
    integers, scales = round_to_groups(weight, bits=4, group=4)
    assert scales.tolist() == [[-0.125, 10.0]]
    assert integers.tolist() == [[-8, 4, 0, -2, 6, -8, 1, 0]]


def test_nibbles_survive_packing() -> None:
    integers = torch.arange(-8, 8, dtype=torch.int8).repeat(3, 2)
    packed = pack_nibbles(integers)
    assert packed.shape == (3, 16)
    assert packed[0, 0] == 0 | 1 << 4
    assert torch.equal(unpack_nibbles(packed), integers)


@pytest.mark.parametrize(("bits", "steps"), [(8, 128), (4, 8)])
def test_no_weight_is_further_off_than_half_a_step_or_a_step_at_the_short_end(bits: Bits, steps: int) -> None:
    weight = torch.randn(40, 128, generator=torch.Generator().manual_seed(1))
    restored = dequantize(quantize({"weight": weight}, bits=bits, group=32))["weight"]
    groups = weight.view(40, 4, 32)
    step = groups.abs().amax(-1, keepdim=True) / steps
    errors = (restored - weight).view(40, 4, 32).abs()
    inside = groups.abs() <= step * (steps - 1.5)
    rounding = step * steps * 2**-11  # of the scale to fp16
    assert bool((errors <= step / 2 + rounding)[inside].all())
    assert bool((errors <= step + rounding).all())


def test_the_head_keeps_eight_bits() -> None:
    for layout, head in (("qwen3", "lm_head.weight"), ("llama", "model.embed_tokens.weight")):
        names = quantize(dict(small_model(layout).state_dict()), bits=4, group=32).keys()
        assert [name for name in names if name.endswith(".int8")] == [f"{head}.int8"]


def test_vectors_are_left_alone_and_empty_groups_are_zero() -> None:
    state = {"norm": torch.tensor([1.0, 2.0]), "matrix": torch.zeros(2, 32)}
    restored = dequantize(quantize(state, bits=8, group=32))
    assert torch.equal(restored["norm"], state["norm"])
    assert torch.equal(restored["matrix"], state["matrix"])


def test_columns_that_are_no_multiple_of_the_group_take_a_smaller_one() -> None:
    packed = quantize({"matrix": torch.randn(2, 96)}, bits=4, group=64)
    assert packed["matrix.scale"].shape == (2, 3)
    assert packed["matrix.int4"].shape == (2, 48)
    assert dequantize(packed)["matrix"].shape == (2, 96)


@pytest.mark.parametrize(("bits", "share"), [(8, 0.35), (4, 0.3)])
def test_a_saved_model_loads_with_the_weights_it_stands_for(bits: Bits, share: float, tmp_path: Path) -> None:
    model = small_model("qwen3")
    save_quantized(tmp_path / "model", model, bits=bits, group=32, facts={"role": "tuned"})
    expected = dequantize(quantize(dict(model.state_dict()), bits=bits, group=32))
    loaded = load_quantized(tmp_path / "model")
    assert loaded.config == model.config
    for name, weight in loaded.state_dict().items():
        assert torch.equal(weight, expected[name])
    artifact = open_artifact(tmp_path / "model", kind="quantized-model")
    assert dict(artifact.facts) == {"role": "tuned", "bits": bits, "group": 32}
    original = 4 * sum(parameter.numel() for parameter in model.parameters())
    assert artifact.file("model.safetensors").stat().st_size < share * original


def test_weights_beyond_the_scales_are_refused() -> None:
    with pytest.raises(NumericsError, match="weight huge is too large for fp16 scales"):
        quantize({"huge": torch.full((2, 32), 1e6)}, bits=4, group=32)


def test_integers_without_fitting_scales_are_refused() -> None:
    packed = quantize({"matrix": torch.randn(4, 64)}, bits=8, group=32)
    for scales in (None, torch.ones(3, 2).half(), torch.ones(4, 3).half()):
        broken = {"matrix.int8": packed["matrix.int8"]} | ({} if scales is None else {"matrix.scale": scales})
        with pytest.raises(IntegrityError, match="quantized weight matrix: its scales do not fit"):
            dequantize(broken)
