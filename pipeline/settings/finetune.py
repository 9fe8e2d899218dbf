"""The instruction tuning of the `finetune` stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pipeline.params import Range
from pipeline.settings.training import OptimizationParams, RuntimeParams


@dataclass(frozen=True, slots=True)
class FinetuneParams:
    """Where the prompt/response pairs come from, and the training run over them."""

    from_documentation: bool  # make pairs from the pydocs documents of the train split
    from_files: bool  # read prompt/response JSON from data/sources/instructions/
    max_pairs: Annotated[int, Range(1, 100_000_000)]
    optimization: OptimizationParams
    runtime: RuntimeParams
    steps: Annotated[int, Range(1, 100_000_000)]
    batch_pairs: Annotated[int, Range(1, 1_000_000)]
    micro_batch_pairs: Annotated[int, Range(1, 1_000_000)]
    evaluate_every_steps: Annotated[int, Range(1, 100_000_000)]
    checkpoint_every_steps: Annotated[int, Range(1, 100_000_000)]
    seed: Annotated[int, Range(0, 2**31 - 1)]

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        if self.batch_pairs % self.micro_batch_pairs:
            yield (
                f"batch_pairs {self.batch_pairs} must be a multiple of micro_batch_pairs "
                f"{self.micro_batch_pairs}"
            )
        if not (self.from_documentation or self.from_files):
            yield "from_documentation and from_files are both false; turn one on"
