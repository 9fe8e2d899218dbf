"""fit: sizes the pretraining in params.yaml to the time that a whole run may take on this machine.

    python -m pipeline.model.fit --minutes 15
    python -m pipeline.model.fit --minutes 15 --model yes    # the size of the model too

Not a stage of the pipeline: a probe of some seconds measures how fast this machine trains and evaluates the
model, and the number of steps that fits beside all other stages goes into params.yaml. So the run itself
stays a function of its params. What was predicted is kept for reports/run.html.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.amending import amended
from pipeline.artifacts import read_json, write_bytes
from pipeline.command import command
from pipeline.errors import ParamsError
from pipeline.model.budget import Pace, Plan, longest
from pipeline.model.config import ModelConfig
from pipeline.model.durations import Durations, durations
from pipeline.model.probing import Speeds, speeds
from pipeline.model.runtime import launch
from pipeline.model.scaling import best_size, sized
from pipeline.params import load
from pipeline.prediction import Part, write_prediction
from pipeline.settings.sections import SECTIONS
from pipeline.stage import PARAMS_FILE, TIMINGS

PACK_METRICS = Path("reports/metrics/pack.json")
PROBE_SECONDS = 20.0
MOST_MINUTES = 1_000_000
DEFAULT_VAL_TOKENS = 74_163  # of the default's text, as long as nothing was packed here
_RESIZED = ("num_layers", "width", "num_heads", "num_kv_heads", "mlp_width")
_log = logging.getLogger("gristmill")


def fit(minutes: str, *, model: str) -> str:
    """Measures, changes params.yaml, records the prediction; returns what it did, a line for each part.

    ParamsError for a time or choice that is none, and for a time too short, naming the least.
    """
    seconds, resize = 60 * _minutes(minutes), _choice(model)
    params = load(PARAMS_FILE, SECTIONS)
    config, changes = _config(params), {}
    _log.info("fit: measuring this machine for about %.0f s", PROBE_SECONDS)
    found = _probed(config, params)
    if resize:
        config = _resized(config, params, found, seconds)
        changes = {f"pretrain.model.{name}": getattr(config, name) for name in _RESIZED}
        params["pretrain"] = dataclasses.replace(params["pretrain"], model=_model_params(config, params))
        found = _probed(config, params)
    known = durations(TIMINGS, evaluation_tokens_per_second=1 / found.evaluated_token)
    plan, parts = predicted(seconds, params, found, known)
    changes["pretrain.steps"] = plan.steps
    changes["pretrain.evaluate_every_steps"] = plan.evaluate_every_steps
    told = _changed(changes)
    write_prediction(TIMINGS, parts)
    return "\n".join([_measured(config, params, found), *_table(parts, known), *told])


def predicted(
    seconds: float, params: Mapping[str, Any], found: Speeds, known: Durations
) -> tuple[Plan, tuple[Part, ...]]:
    """The longest pretraining that lets the whole run end in time, and the run's parts with it.

    ParamsError when there is none.
    """
    pretrain, finetune = params["pretrain"], params["finetune"]
    pace = Pace(found.pretrain_step, _val_tokens() * found.evaluated_token, found.checkpoint)
    tuning = Plan(finetune.steps, finetune.evaluate_every_steps, finetune.checkpoint_every_steps)
    tuning_pace = Pace(found.finetune_step, known.finetune_evaluation, found.checkpoint)
    others = (
        Part("text stages, report", known.text_stages, known.text),
        Part("finetune", ("finetune",), known.around_finetune + tuning_pace.seconds(tuning)),
        Part("quantize, export, evaluate", known.model_stages, known.model),
        Part("between the stages", (), known.starting),
    )
    left = seconds - known.around_pretrain - sum(part.seconds for part in others)
    like = Plan(pretrain.steps, pretrain.evaluate_every_steps, pretrain.checkpoint_every_steps)
    plan = longest(left, like=like, pace=pace)
    if plan is None:
        least = math.ceil((seconds - left + pace.seconds(like.stretched(1))) / 6) / 10
        raise ParamsError(
            f"MINUTES: is {seconds / 60:g}; all other stages and one step of pretraining take "
            f"{least:g} here; give more"
        )
    training = Part("pretrain", ("pretrain",), known.around_pretrain + pace.seconds(plan))
    return plan, (others[0], training, *others[1:])


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= MOST_MINUTES:
        raise ParamsError(
            f"MINUTES: is {text!r}; must be a number of minutes above 0, at most {MOST_MINUTES}: "
            "make fit MINUTES=15"
        )
    return value


def _choice(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ParamsError(f"MODEL: is {text!r}; must be yes (the model is resized too) or no")
    return text == "yes"


def _config(params: Mapping[str, Any]) -> ModelConfig:
    """The model as pretrain will make it; which control token has which id costs no time."""
    return ModelConfig(
        **dataclasses.asdict(params["pretrain"].model),
        norm_epsilon=1e-6,
        context_tokens=params["pack"].block_tokens,
        vocab_size=params["train_bpe"].vocab_size,
        bos_id=1,
        eos_id=2,
        pad_id=3,
    )


def _model_params(config: ModelConfig, params: Mapping[str, Any]) -> Any:
    sizes = {name: getattr(config, name) for name in _RESIZED}
    return dataclasses.replace(params["pretrain"].model, **sizes)


def _probed(config: ModelConfig, params: Mapping[str, Any]) -> Speeds:
    return launch(speeds, config, params["pretrain"], params["finetune"], PROBE_SECONDS)


def _resized(config: ModelConfig, params: Mapping[str, Any], found: Speeds, seconds: float) -> ModelConfig:
    """The model for which the pretraining that fits has about 20 tokens a weight."""
    known = durations(TIMINGS, evaluation_tokens_per_second=1 / found.evaluated_token)
    plan, _ = predicted(seconds, params, found, known)
    positions = params["pretrain"].batch_blocks * config.context_tokens * plan.steps
    return best_size(config, flops=positions * sized(config).flops_per_token).config


def _val_tokens() -> int:
    """The tokens of the validation split that was packed last, else of the default's."""
    if not PACK_METRICS.is_file():
        return DEFAULT_VAL_TOKENS
    return int(read_json(PACK_METRICS)["splits"]["val"]["tokens"])


def _changed(changes: Mapping[str, int]) -> list[str]:
    """Writes the values into params.yaml; a line for each that was another one."""
    text = PARAMS_FILE.read_bytes().decode("utf-8")
    before = load(PARAMS_FILE, SECTIONS)["pretrain"]
    write_bytes(PARAMS_FILE, amended(text, changes).encode("utf-8"))
    lines = []
    for key, value in changes.items():
        name = key.rpartition(".")[2]
        old = getattr(before.model if ".model." in key else before, name)
        if old != value:
            lines.append(f"  {PARAMS_FILE}: {key} {old} -> {value}")
    return lines or [f"  {PARAMS_FILE}: as it was"]


def _measured(config: ModelConfig, params: Mapping[str, Any], found: Speeds) -> str:
    step_tokens = params["pretrain"].batch_blocks * config.context_tokens
    return (
        f"{step_tokens / found.pretrain_step:,.0f} tokens/s in pretraining, "
        f"{1 / found.evaluated_token:,.0f} in evaluation; {sized(config).weights:,} weights are multiplied"
    )


def _table(parts: Sequence[Part], known: Durations) -> list[str]:
    """The parts with their minutes, and where what was not measured now comes from."""
    lines = []
    for part in parts:
        here = sum(stage in known.measured for stage in part.stages)
        source = "as measured for the default, elsewhere"
        if part.name in ("pretrain", "finetune"):
            source = "by the probe"
        elif here:
            source = f"as in the last runs here ({here} of {len(part.stages)} stages)"
        lines.append(f"  {part.name:<28}{part.seconds / 60:8.2f} min   {source}")
    return [*lines, f"  {'the whole run':<28}{sum(part.seconds for part in parts) / 60:8.2f} min"]


def main() -> None:
    """The command line; what is wrong with it is one line too."""
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m pipeline.model.fit", description=summary)
    parser.add_argument("--minutes", default="", help="the time of a whole run, from ingest to report")
    parser.add_argument(
        "--model", default="no", help="yes: the size of the model is chosen too (default: no)"
    )
    given = parser.parse_args()
    command("fit", lambda: fit(given.minutes, model=given.model))


if __name__ == "__main__":
    main()
