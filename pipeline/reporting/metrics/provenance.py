"""What every metrics file says about how it came to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a stage's outputs follow from: its params, the hash of its code, and of each input by path."""

    stage: str
    params: dict[str, Any]
    code: str
    inputs: dict[str, str]
