"""How the `report` stage presents the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range


@dataclass(frozen=True, slots=True)
class ReportParams:
    """Words on top of the page, and when a change counts."""

    title: Annotated[str, Range(1, 200)]
    notable_change_share: Annotated[float, Range(0.0, 10.0)]  # of the baseline's value; larger is marked
