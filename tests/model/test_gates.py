"""The gates see the mistakes they are there for."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.errors import NumericsError
from pipeline.model import attention, transformer
from pipeline.model.gates import check_causality, check_first_loss, shaken
from tests.model.trainings import new_model


def test_a_causal_model_passes() -> None:
    assert check_causality(shaken(new_model())) == 0.0


@pytest.mark.parametrize("wrong", ["flipped", "future", "documents"])
def test_a_wrong_mask_is_seen(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = attention.visibility

    def mistaken(
        start: int, end: int, documents_BT: torch.Tensor | None, *, device: torch.device
    ) -> torch.Tensor:
        if wrong == "documents":
            return right(start, end, None, device=device)
        visible = right(start, end, documents_BT, device=device)
        return visible.transpose(1, 2) if wrong == "flipped" else torch.ones_like(visible)

    monkeypatch.setattr(transformer, "visibility", mistaken)
    with pytest.raises(NumericsError, match="the attention mask is wrong"):
        check_causality(shaken(new_model()))


def test_a_first_loss_far_from_uniform_is_refused() -> None:
    assert check_first_loss(math.log(40) * 1.005, vocab_size=40) == pytest.approx(0.005)
    for loss in (math.log(40) * 1.02, math.log(40) * 0.98, math.nan, math.inf):
        with pytest.raises(NumericsError, match="initialization is wrong"):
            check_first_loss(loss, vocab_size=40)
