"""The weight formats of the `quantize` stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pipeline.params import Range


@dataclass(frozen=True, slots=True)
class QuantizeParams:
    """Weights rounded to the nearest with one scale per group of columns; the head keeps 8 bits."""

    int8_group: Literal[32, 64, 128]
    int4_group: Literal[32, 64, 128]
    check_blocks: Annotated[int, Range(1, 100_000)]  # validation blocks on which outputs are compared
    max_int8_divergence: Annotated[float, Range(0.0, 100.0)]  # mean KL in nats per token; above it, failure
    max_int4_divergence: Annotated[float, Range(0.0, 100.0)]
    threads: Annotated[int, Range(1, 1024)]  # CPU threads of the comparison; another number, other last bits
