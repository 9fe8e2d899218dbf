"""How the `pack` stage lays out tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range


@dataclass(frozen=True, slots=True)
class PackParams:
    """Blocks are cut one after the other from the token stream of all documents."""

    block_tokens: Annotated[int, Range(8, 1_048_576)]  # the model's context length
    seed: Annotated[int, Range(0, 2**31 - 1)]  # the order of documents in the stream
