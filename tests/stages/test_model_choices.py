"""A model that no other program can open passes every stage from pretrain to evaluate; export says why."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.model.quantization import load_quantized
from pipeline.model.weights import load_model
from pipeline.settings.export import ExportParams
from pipeline.stage import Work
from stages import evaluate, export, finetune, pretrain, quantize
from tests.model.architectures import FIRST_TRANSFORMER, GPT2
from tests.model.trainings import MODEL
from tests.model.trainings import PARAMS as TRAINING
from tests.stages.mill import build_mill
from tests.stages.test_evaluate import PARAMS as EVALUATION
from tests.stages.test_finetune import TUNING
from tests.stages.test_quantize import PARAMS as QUANTIZATION


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_PROCESSES", "1")
        return build_mill(tmp_path_factory.mktemp("mill"))


@pytest.mark.parametrize("changes", [GPT2, FIRST_TRANSFORMER | {"dropout": 0.1, "sliding_window_tokens": 9}])
def test_every_stage_runs_with_a_model_that_cannot_be_exported(
    changes: dict[str, object], data: Path, tmp_path: Path
) -> None:
    def work(name: str) -> Work:
        (tmp_path / name).mkdir()
        return Work(tmp_path / name)

    base, tuned, forms = tmp_path / "base", tmp_path / "tuned", tmp_path / "forms"
    model = dataclasses.replace(MODEL, **changes)  # type: ignore[arg-type]
    training = dataclasses.replace(TRAINING, model=model, steps=4)
    pretrain.run(data / "pack", base, tmp_path / "base.csv", params=training, work=work("w1"))
    tuning = dataclasses.replace(TUNING, from_documentation=False, from_text=True, steps=2, max_pairs=20)
    inputs = (base, data / "train_bpe", data / "dedupe", tmp_path / "none")
    finetune.run(*inputs, tuned, tmp_path / "tuned.csv", params=tuning, work=work("w2"))
    quantize.run(tuned, data / "pack", forms, params=QUANTIZATION, work=work("w3"))
    params = ExportParams(model_name="mill", gguf_types=("F16",))
    exported = export.run(base, tuned, data / "train_bpe", tmp_path / "exported", params=params)
    assert all(found.not_exported and found.layout is None for found in exported.models.values())
    weights = {"base": base, "tuned": tuned, "int8": forms / "int8", "int4": forms / "int4"}
    asked = dataclasses.replace(EVALUATION, max_documents=2)
    for name, path in weights.items():
        opened = load_quantized(path) if name in ("int8", "int4") else load_model(path)
        assert {key: getattr(opened.config, key) for key in changes} == changes
        rest = (data / "pack", data / "dedupe", data / "train_bpe")
        metrics = evaluate.run(path, *rest, model=name, params=asked, work=work(f"w-{name}"))
        assert 0 < metrics.splits["test"].total.bits_per_byte < 20
        assert metrics.samples
