"""The probe times the real loop on made-up tokens, in one process and in several."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.model.probing import made_up, speeds
from pipeline.model.runtime import launch
from pipeline.params import load
from pipeline.settings.finetune import FinetuneParams
from pipeline.settings.sections import SECTIONS
from tests.model.trainings import CONFIG, PARAMS

ROOT = Path(__file__).resolve().parent.parent.parent
AVERAGED = dataclasses.replace(PARAMS, optimization=dataclasses.replace(PARAMS.optimization, ema_decay=0.9))


def tuning() -> FinetuneParams:
    """The fine-tuning of the tiny profile, in one thread."""
    params: FinetuneParams = load(ROOT / "profiles/tiny.yaml", SECTIONS)["finetune"]
    return dataclasses.replace(params, runtime=PARAMS.runtime)


@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.faults)])
def test_every_piece_of_a_training_is_timed(
    processes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_MODEL_PROCESSES", processes)
    monkeypatch.chdir(tmp_path)
    found = launch(speeds, CONFIG, AVERAGED, tuning(), 0.5)
    assert 1e-5 < found.evaluated_token * CONFIG.context_tokens < found.pretrain_step
    assert min(found.finetune_step, found.checkpoint) > 0
    assert list((tmp_path / ".work").iterdir()) == []


def test_the_made_up_text_has_documents_and_no_padding() -> None:
    items = made_up(CONFIG, blocks=64)
    batch = items.batch(range(64))
    assert len(items) == 64
    assert batch.num_targets == 64 * CONFIG.context_tokens - int((items.tokens[1:] == CONFIG.bos_id).sum())
    assert 0.9 < batch.num_targets / (64 * CONFIG.context_tokens) < 1
