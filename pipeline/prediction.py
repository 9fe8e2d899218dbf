"""What a run was predicted to take: `make fit` writes it, the page about the run compares."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

from pipeline.artifacts import canonical_json, read_json, write_bytes
from pipeline.errors import IntegrityError

PREDICTION = "fit.json"  # its name in the folder of timings


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A part of the run: the stages it is made of, none for what lies between them, and its seconds."""

    name: str
    stages: tuple[str, ...]
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """The parts of a run in their order, and when they were predicted."""

    parts: tuple[Part, ...]
    made: datetime.datetime

    @property
    def seconds(self) -> float:
        """The whole run."""
        return sum(part.seconds for part in self.parts)


def write_prediction(timings: Path, parts: tuple[Part, ...]) -> None:
    """Keeps the parts in the folder of timings, in place of what was predicted before."""
    write_bytes(timings / PREDICTION, canonical_json({"parts": [dataclasses.asdict(part) for part in parts]}))


def read_prediction(timings: Path) -> Prediction | None:
    """The last prediction, None without any; IntegrityError for a file that is none."""
    path = timings / PREDICTION
    if not path.is_file():
        return None
    try:
        parts = tuple(
            Part(str(part["name"]), tuple(map(str, part["stages"])), float(part["seconds"]))
            for part in read_json(path)["parts"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{path}: not a prediction; remove it, `make fit` writes it anew") from error
    return Prediction(parts, datetime.datetime.fromtimestamp(path.stat().st_mtime, tz=datetime.UTC))
