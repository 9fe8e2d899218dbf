"""The gates see the mistakes they are there for."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from pipeline.errors import NumericsError
from pipeline.model import attention, transformer
from pipeline.model.gates import check_causality, check_first_loss, shaken
from tests.model.trainings import CONFIG, new_model


def test_a_causal_model_passes() -> None:
    assert check_causality(shaken(new_model())) == 0.0


@pytest.mark.parametrize("wrong", ["flipped", "future", "documents", "window"])
def test_a_wrong_mask_is_seen(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = attention.visibility

    def mistaken(
        start: int,
        end: int,
        documents_BT: torch.Tensor | None,
        *,
        window: int | None,
        device: torch.device,
    ) -> torch.Tensor:
        if wrong == "documents":
            documents_BT = None
        if wrong == "window":
            window = None
        visible = right(start, end, documents_BT, window=window, device=device)
        if wrong in ("documents", "window"):
            return visible
        return visible.transpose(1, 2) if wrong == "flipped" else torch.ones_like(visible)

    monkeypatch.setattr(transformer, "visibility", mistaken)
    config = dataclasses.replace(CONFIG, sliding_window_tokens=4)
    with pytest.raises(NumericsError, match="the attention mask is wrong"):
        check_causality(shaken(new_model(config)))


def test_a_first_loss_far_from_what_the_initialization_implies_is_refused() -> None:
    assert check_first_loss(math.log(40) * 1.005, CONFIG) == pytest.approx(0.005)
    for loss in (math.log(40) * 1.02, math.log(40) * 0.98, math.nan, math.inf):
        with pytest.raises(NumericsError, match="initialization is wrong"):
            check_first_loss(loss, CONFIG)
    kaiming = dataclasses.replace(CONFIG, initialization="kaiming")
    assert check_first_loss(math.log(40) + 0.5, kaiming) > 0.1
    with pytest.raises(NumericsError, match=r"\(3\.\d+ to 4\.\d+ with initialization kaiming\)"):
        check_first_loss(math.log(40) + 1.5, kaiming)
