"""`make fit` sizes the pretraining to a time, in params.yaml, and says so."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from pipeline.errors import ParamsError
from pipeline.model import fit as fit_command
from pipeline.model.durations import REFERENCE, durations
from pipeline.model.fit import fit, predicted
from pipeline.model.probing import Speeds
from pipeline.params import load
from pipeline.prediction import read_prediction
from pipeline.settings.sections import SECTIONS

ROOT = Path(__file__).resolve().parent.parent.parent
PRETRAIN, FINETUNE = REFERENCE["pretrain"], REFERENCE["finetune"]
EVALUATED = float(PRETRAIN["evaluation_tokens_per_second"])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tiny profile as params.yaml, and a probe that takes a second."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "profiles/tiny.yaml").read_bytes())
    monkeypatch.setattr(fit_command, "PROBE_SECONDS", 1.0)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_reference_run_is_predicted_from_its_own_speeds(here: Path) -> None:
    """The default on the reference machine: 700 steps in 270 s, of which 131 pretraining and 15 tuning."""
    params = load(ROOT / "params.yaml", SECTIONS)
    tuning = params["finetune"]
    found = Speeds(
        pretrain_step=PRETRAIN["training_seconds"] / 700,
        finetune_step=FINETUNE["training_seconds"] / tuning.steps,
        evaluated_token=1 / EVALUATED,
        checkpoint=PRETRAIN["checkpoint_seconds"] / 14,
    )
    known = durations(here / "timings", evaluation_tokens_per_second=EVALUATED)
    plan, parts = predicted(269.8, params, found, known)
    assert plan.steps == pytest.approx(700, abs=5)
    assert plan.evaluate_every_steps == math.ceil(plan.steps / 2)
    seconds = {part.name: part.seconds for part in parts}
    assert seconds["pretrain"] == pytest.approx(131.3, rel=0.01)
    assert seconds["finetune"] == pytest.approx(15.2, rel=0.01)
    assert 269 < sum(seconds.values()) <= 269.8


def test_the_steps_that_fit_are_written_and_nothing_else(here: Path) -> None:
    before = (here / "params.yaml").read_text().splitlines()
    said = fit("12", model="no")
    after = (here / "params.yaml").read_text().splitlines()
    changed = [new.split("#")[0].split() for old, new in zip(before, after, strict=True) if old != new]
    assert [name for name, _ in changed] == ["steps:", "evaluate_every_steps:"]
    pretrain = load(here / "params.yaml", SECTIONS)["pretrain"]
    assert pretrain.evaluate_every_steps == math.ceil(pretrain.steps / 2)
    assert f"params.yaml: pretrain.steps 40 -> {pretrain.steps}" in said
    prediction = read_prediction(here / "reports/timings")
    assert prediction is not None
    assert 0.9 * 12 * 60 < prediction.seconds <= 12 * 60
    for part in prediction.parts:
        assert f"{part.name:<28}{part.seconds / 60:8.2f} min" in said


def test_the_model_is_sized_too_where_that_is_asked_for(here: Path) -> None:
    before = load(here / "params.yaml", SECTIONS)["pretrain"].model
    said = fit("3000", model="yes")
    after = load(here / "params.yaml", SECTIONS)["pretrain"].model
    assert after.width > before.width
    assert after.width // after.num_heads == before.width // before.num_heads
    assert f"pretrain.model.width {before.width} -> {after.width}" in said


def test_a_time_too_short_for_the_other_stages_names_the_least_and_that_is_enough(here: Path) -> None:
    before = (here / "params.yaml").read_bytes()
    with pytest.raises(ParamsError, match=r"MINUTES: is 0\.5; .* take ([\d.]+) here; give more"):
        fit("0.5", model="no")
    assert (here / "params.yaml").read_bytes() == before
    assert not (here / "reports").exists()
    params = load(here / "params.yaml", SECTIONS)
    found, known = Speeds(1.0, 1.0, 1e-4, 0.1), durations(here, evaluation_tokens_per_second=1e4)
    with pytest.raises(ParamsError) as caught:
        predicted(1.0, params, found, known)
    least = float(str(caught.value).split(" take ")[1].split()[0])
    plan, _ = predicted(60 * least, params, found, known)
    assert plan.steps >= 1
    with pytest.raises(ParamsError):
        predicted(60 * (least - 0.2), params, found, known)


@pytest.mark.parametrize("minutes", ["", "abc", "0", "-1", "nan", "inf", "1e9"])
def test_what_is_no_time_is_refused_before_any_work(minutes: str, here: Path) -> None:
    with pytest.raises(ParamsError, match=r"MINUTES: is '.*'; must be a number of minutes above 0"):
        fit(minutes, model="no")


def test_a_choice_that_is_none_is_refused(here: Path) -> None:
    with pytest.raises(ParamsError, match="MODEL: is 'tuned'; must be yes"):
        fit("15", model="tuned")


def test_the_validation_text_that_was_packed_counts(here: Path) -> None:
    params = load(here / "params.yaml", SECTIONS)
    found, known = Speeds(1.0, 1.0, 1e-3, 0.1), durations(here, evaluation_tokens_per_second=1e3)
    few, _ = predicted(3600.0, params, found, known)
    (here / "reports/metrics").mkdir(parents=True)
    packed = {"splits": {"val": {"tokens": 2 * fit_command.DEFAULT_VAL_TOKENS}}}
    (here / "reports/metrics/pack.json").write_text(json.dumps(packed))
    more, _ = predicted(3600.0, params, found, known)
    assert few.steps - more.steps == pytest.approx(2 * 74.2, abs=3)


def test_the_command_says_what_is_wrong_in_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["fit", "--minutes", "soon"])
    with pytest.raises(SystemExit) as ended:
        fit_command.main()
    assert ended.value.code == 2
    (said,) = caplog.messages
    assert "\n" not in said
    assert said.startswith("fit: ParamsError: MINUTES: is 'soon'; must be")
