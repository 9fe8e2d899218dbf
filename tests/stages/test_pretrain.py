"""pretrain: a published model, its curve and its account, the same bytes every time."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.artifacts import canonical_json, open_artifact, publishing
from pipeline.errors import DataError, IntegrityError
from pipeline.model.weights import KIND, load_model
from pipeline.settings.pretrain import PretrainParams
from pipeline.stage import Work
from pipeline.tokenfile import write_tokens
from stages.pretrain import PretrainMetrics, run
from tests.model.trainings import BOS, CONFIG, EOS, PAD, PARAMS, VOCAB_SIZE, stream

VAL_BYTES = 500


def publish_split(out: Path, tokens: npt.NDArray[np.uint16]) -> None:
    facts = {
        "block_tokens": 16,
        "vocab_size": VOCAB_SIZE,
        "bos_id": BOS,
        "eos_id": EOS,
        "pad_id": PAD,
        "tokens": len(tokens),
        "bytes": VAL_BYTES,
        "tokenizer_sha256": "t",
    }
    with publishing(out, kind="tokens", facts=facts) as folder:
        write_tokens(folder / "tokens.bin", [tokens], vocab_size=VOCAB_SIZE)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packed train and val splits."""
    folder = tmp_path_factory.mktemp("packed")
    publish_split(folder / "train", stream(documents=40, seed=1))
    publish_split(folder / "val", stream(documents=6, seed=2))
    return folder


def pretrained(packed: Path, folder: Path, *, params: PretrainParams = PARAMS) -> PretrainMetrics:
    (folder / "work").mkdir(parents=True, exist_ok=True)
    return run(packed, folder / "model", folder / "curve.csv", params=params, work=Work(folder / "work"))


def test_a_base_model_its_curve_and_its_figures_are_written(packed: Path, tmp_path: Path) -> None:
    metrics = pretrained(packed, tmp_path)
    model, facts = load_model(tmp_path / "model"), open_artifact(tmp_path / "model", kind=KIND).facts
    assert model.config == CONFIG
    assert (facts["role"], facts["tokenizer_sha256"], facts["parameters"]) == (
        "base",
        "t",
        metrics.parameters,
    )
    rows = (tmp_path / "curve.csv").read_text().splitlines()
    assert len(rows) == 1 + PARAMS.steps
    assert [row.split(",")[0] for row in rows[1:] if row.split(",")[3] != "nan"] == ["5", "10", "12"]
    assert metrics.training.train_loss.first == pytest.approx(math.log(VOCAB_SIZE), rel=0.01)
    assert metrics.training.val_loss.best < metrics.training.train_loss.first
    tokens = stream(documents=6, seed=2)
    nats = metrics.training.val_loss.best * (len(tokens) - (tokens == BOS).sum())
    assert metrics.val_bits_per_byte == pytest.approx(nats / math.log(2) / VAL_BYTES)


def test_the_same_inputs_give_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    first, second = (canonical_json(pretrained(packed, tmp_path / name)) for name in ("a", "b"))
    assert first == second
    for name in ("model/manifest.json", "curve.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_finished_training_that_was_not_published_is_only_published(packed: Path, tmp_path: Path) -> None:
    first = pretrained(packed, tmp_path)
    (tmp_path / "model").rename(tmp_path / "moved")
    assert pretrained(packed, tmp_path) == first
    assert (tmp_path / "model/manifest.json").read_bytes() == (tmp_path / "moved/manifest.json").read_bytes()


def test_the_checkpoint_of_other_params_is_refused(packed: Path, tmp_path: Path) -> None:
    pretrained(packed, tmp_path)
    with pytest.raises(IntegrityError, match="is of run"):
        pretrained(packed, tmp_path, params=dataclasses.replace(PARAMS, seed=2))


def test_a_split_without_tokens_is_refused(packed: Path, tmp_path: Path) -> None:
    publish_split(tmp_path / "packed/train", stream(documents=6, seed=1))
    publish_split(tmp_path / "packed/val", np.zeros(0, dtype=np.uint16))
    with pytest.raises(DataError, match=r"val: holds no tokens to learn from"):
        pretrained(tmp_path / "packed", tmp_path / "run")
