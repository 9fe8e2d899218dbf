"""Opening a model to ask it: facts are required, and the tokenizer must be its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import IntegrityError
from pipeline.model.inference import open_model, require_tokenizer
from pipeline.model.weights import save_model
from tests.model.exports import small_model

FACTS = {"role": "tuned", "tokenizer_sha256": "t"}


def saved(folder: Path, facts: dict[str, Any]) -> Path:
    save_model(folder / "model", small_model("llama"), facts=dict(facts))
    return folder / "model"


def test_a_model_says_its_role_its_size_and_its_tokenizer(tmp_path: Path) -> None:
    opened = open_model(saved(tmp_path, FACTS), threads=1)
    assert (opened.role, opened.tokenizer_sha256) == ("tuned", "t")
    assert opened.parameters == sum(each.numel() for each in small_model("llama").parameters())
    assert not opened.network.training


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"role": "base"}, "fact 'tokenizer_sha256' is missing"),
        ({"tokenizer_sha256": "t"}, "fact 'role' is missing"),
        ({"tokenizer_sha256": "t", "role": "king"}, "role 'king' is neither base nor tuned"),
    ],
)
def test_a_model_that_does_not_say_so_is_refused(tmp_path: Path, facts: dict[str, Any], rule: str) -> None:
    with pytest.raises(IntegrityError, match=rule):
        open_model(saved(tmp_path, facts), threads=1)


def test_a_foreign_tokenizer_is_refused(tmp_path: Path) -> None:
    opened = open_model(saved(tmp_path, FACTS), threads=1)
    require_tokenizer(opened, "t", name=Path("data/train_bpe"))
    with pytest.raises(IntegrityError, match=r"^data/train_bpe: not the tokenizer"):
        require_tokenizer(opened, "u", name=Path("data/train_bpe"))
