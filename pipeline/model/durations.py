"""What the stages beside pretraining take: as their last runs here did, else as the default's did elsewhere.

The reference is a whole run of the default on two cores of an AMD EPYC without AVX-512, 700 steps
(benchmarks/RESULTS.md). Where a stage works on a model, its seconds are scaled by
how fast the machine evaluates one; the others' are taken as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.artifacts import read_json
from pipeline.errors import IntegrityError
from pipeline.prediction import PREDICTION

Record = Mapping[str, Any]
START_SECONDS = 2.1  # of a stage's process and DVC around it: 55 s for 26 stages of the reference
_SCALED = ("quantize", "export", "evaluate")
_SOURCES = ("pydocs", "files", "gutenberg", "openwebtext", "wikipedia", "commoncrawl")
REFERENCE: dict[str, Record] = {
    "code": {"seconds": 1.4},
    **{f"{stage}@{source}": {"seconds": 0.0} for stage in ("ingest", "clean") for source in _SOURCES},
    "ingest@pydocs": {"seconds": 20.5},
    "clean@pydocs": {"seconds": 3.3},
    "dedupe": {"seconds": 3.0},
    "validate": {"seconds": 7.5},
    "train_bpe": {"seconds": 3.4},
    "pack": {"seconds": 2.2},
    "pretrain": {
        "seconds": 131.3,
        "training_seconds": 124.7,
        "evaluation_seconds": 4.7,
        "checkpoint_seconds": 1.3,
        "evaluations": 2,
        "evaluation_tokens_per_second": 31_800.0,
    },
    "finetune": {
        "seconds": 15.2,
        "training_seconds": 8.3,
        "evaluation_seconds": 1.2,
        "checkpoint_seconds": 0.3,
        "evaluations": 1,
        "evaluation_tokens_per_second": 31_300.0,
    },
    "quantize": {"seconds": 1.2},
    "export": {"seconds": 2.5},
    "evaluate@base": {"seconds": 6.7},
    "evaluate@tuned": {"seconds": 6.7},
    "evaluate@int8": {"seconds": 5.1},
    "evaluate@int4": {"seconds": 4.5},
    "report": {"seconds": 0.7},
}


@dataclasses.dataclass(frozen=True, slots=True)
class Durations:
    """Seconds of everything but the steps of the trainings, and which stages they were measured of here."""

    text_stages: tuple[str, ...]
    text: float
    model_stages: tuple[str, ...]
    model: float
    starting: float
    around_pretrain: float  # the stage without its training
    around_finetune: float
    finetune_evaluation: float  # of all held-out pairs
    measured: frozenset[str]


def durations(folder: Path, *, evaluation_tokens_per_second: float) -> Durations:
    """What the timings in the folder say, and the reference where there are none.

    The speed is that of the model now, on this machine. IntegrityError for a file that is no timings.
    """
    found = {path.stem: _record(path) for path in sorted(folder.glob("*.json")) if path.name != PREDICTION}
    for stage in ("pretrain", "finetune"):
        if not found.get(stage, {}).get("evaluation_tokens_per_second"):  # nothing was evaluated that time
            found.pop(stage, None)
    known = {**REFERENCE, **found}

    def slower(stage: str) -> float:
        then = found.get("pretrain") if stage in found else REFERENCE["pretrain"]
        if then is None:  # the stage ran here, and nothing says how fast the model was then
            return 1.0
        return float(then["evaluation_tokens_per_second"]) / evaluation_tokens_per_second

    model_stages = tuple(stage for stage in known if stage.partition("@")[0] in _SCALED)
    text_stages = tuple(stage for stage in known if stage not in (*model_stages, "pretrain", "finetune"))
    tuning = known["finetune"]
    return Durations(
        text_stages=text_stages,
        text=sum(float(known[stage]["seconds"]) for stage in text_stages),
        model_stages=model_stages,
        model=sum(float(known[stage]["seconds"]) * slower(stage) for stage in model_stages),
        starting=START_SECONDS * len(known),
        around_pretrain=_around(known["pretrain"]),
        around_finetune=_around(tuning),
        finetune_evaluation=tuning["evaluation_seconds"] / tuning["evaluations"] * slower("finetune"),
        measured=frozenset(found),
    )


def _around(record: Record) -> float:
    """What a training stage takes beside its training."""
    parts = ("training_seconds", "evaluation_seconds", "checkpoint_seconds")
    return max(0.0, float(record["seconds"]) - sum(float(record[part]) for part in parts))


def _record(path: Path) -> Record:
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("seconds"), int | float):
        raise IntegrityError(f"{path}: not the timings of a stage; remove it, the next run writes it anew")
    return record
