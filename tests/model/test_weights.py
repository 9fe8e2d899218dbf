"""Saved models come back bit by bit, and damaged ones not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.artifacts import open_artifact, publishing, write_json
from pipeline.errors import IntegrityError, NumericsError
from pipeline.model.gates import shaken
from pipeline.model.weights import CONFIG, KIND, WEIGHTS, load_model, save_model
from tests.model.trainings import new_model


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", shaken(new_model()), facts={"role": "base"})
    return tmp_path / "model"


def rewritten(saved: Path, *, state: dict[str, torch.Tensor] | None = None, config: object = None) -> Path:
    """The same model with other weights or another config, in an artifact that is whole."""
    out = saved.with_name("rewritten")
    with publishing(out, kind=KIND, facts={}) as folder:
        save_file(load_file(saved / WEIGHTS) if state is None else state, folder / WEIGHTS)
        write_json(folder / CONFIG, config or json.loads((saved / CONFIG).read_bytes()))
    return out


def test_a_model_comes_back_as_it_was_saved(saved: Path) -> None:
    model, wanted = load_model(saved), shaken(new_model())
    assert model.config == wanted.config
    assert all(torch.equal(tensor, wanted.state_dict()[name]) for name, tensor in model.state_dict().items())
    facts = open_artifact(saved, kind=KIND).facts
    assert facts["parameters"] == sum(weight.numel() for weight in wanted.parameters())
    assert (facts["role"], facts["vocab_size"], facts["context_tokens"], facts["bos_id"]) == (
        "base",
        40,
        16,
        1,
    )


def test_the_same_model_is_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "again", shaken(new_model()), facts={"role": "base"})
    assert (tmp_path / "again/manifest.json").read_bytes() == (saved / "manifest.json").read_bytes()


def test_a_flipped_bit_is_seen(saved: Path) -> None:
    data = bytearray((saved / WEIGHTS).read_bytes())
    data[-5] ^= 1
    (saved / WEIGHTS).write_bytes(data)
    with pytest.raises(IntegrityError, match="SHA-256"):
        load_model(saved)


def test_weights_that_do_not_fit_the_config_are_refused(saved: Path) -> None:
    state = load_file(saved / WEIGHTS)
    name = "model.norm.weight"
    cases = {
        r"model\.norm\.weight is missing": {key: value for key, value in state.items() if key != name},
        r"extra is not part of": state | {"extra": torch.ones(1)},
        r"model\.norm\.weight is \[31\], not \[32\]": state | {name: torch.ones(31)},
        r"model\.norm\.weight holds a non-finite value": state | {name: torch.full((32,), torch.nan)},
    }
    for message, changed in cases.items():
        with pytest.raises(IntegrityError, match=message):
            load_model(rewritten(saved, state=changed))


def test_an_older_a_foreign_and_an_impossible_config_are_refused_in_one_line(saved: Path) -> None:
    good = json.loads((saved / CONFIG).read_bytes())
    older = {name: value for name, value in good.items() if name != "norm_place"}
    cases: list[tuple[object, str]] = [
        (older, "it lacks norm_place"),
        (good | {"hidden_act": "silu"}, "hidden_act is no part of a model config"),
        (good | {"norm": "batchnorm"}, "norm is 'batchnorm', not one of rmsnorm, layernorm"),
        (good | {"num_layers": True}, "num_layers is True, not a whole number, 1 to 512"),
        (good | {"dropout": 0.95}, "dropout is 0.95, not a number, 0 to 0.9"),
        (good | {"sliding_window_tokens": "all"}, "sliding_window_tokens is 'all', not a whole number"),
        (good | {"num_heads": 3}, "width 32 must be a multiple of num_heads 3"),
        ([1], "it is no JSON object"),
    ]
    for config, problem in cases:
        with pytest.raises(IntegrityError, match=re.escape(f"({problem}")) as error:
            load_model(rewritten(saved, config=config))
        assert "config.json: not the config of a model of this version" in str(error.value)
        assert "\n" not in str(error.value)


def test_weights_that_are_no_safetensors_are_refused(saved: Path) -> None:
    with publishing(saved.with_name("odd"), kind=KIND, facts={}) as folder:
        (folder / WEIGHTS).write_bytes(b"not tensors")
        write_json(folder / CONFIG, json.loads((saved / CONFIG).read_bytes()))
    with pytest.raises(IntegrityError, match="not readable as safetensors"):
        load_model(saved.with_name("odd"))


def test_a_model_with_a_weight_that_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    model = new_model()
    torch.nn.init.constant_(model.model.norm.weight, torch.inf)
    with pytest.raises(NumericsError, match=r"model\.norm\.weight holds a non-finite value"):
        save_model(tmp_path / "model", model, facts={})
    assert not (tmp_path / "model").exists()
