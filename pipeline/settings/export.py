"""The formats of the `export` stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pipeline.params import Matches, Range


@dataclass(frozen=True, slots=True)
class ExportParams:
    """What other programs will see."""

    model_name: Annotated[
        str, Matches(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,79}", "letters, digits, . _ - and spaces")
    ]
    gguf_types: Annotated[tuple[Literal["F16", "Q8_0", "Q4_0"], ...], Range(0, 3)]
