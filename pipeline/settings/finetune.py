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

    from_documentation: bool  # questions about the pydocs documents
    from_text: bool  # passages of all documents, to be continued
    from_files: bool  # read prompt/response JSON from data/sources/instructions/
    max_pairs: Annotated[int, Range(1, 100_000_000)]
    optimization: OptimizationParams
    runtime: RuntimeParams
    steps: Annotated[int, Range(1, 100_000_000)]
    batch_rows: Annotated[int, Range(1, 1_000_000)]  # of the context's length, several pairs in each
    micro_batch_rows: Annotated[int, Range(1, 1_000_000)]
    evaluate_every_steps: Annotated[int, Range(1, 100_000_000)]
    checkpoint_every_steps: Annotated[int, Range(1, 100_000_000)]
    seed: Annotated[int, Range(0, 2**31 - 1)]

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        if self.batch_rows % self.micro_batch_rows:
            yield (
                f"batch_rows {self.batch_rows} must be a multiple of micro_batch_rows {self.micro_batch_rows}"
            )
        if not (self.from_documentation or self.from_text or self.from_files):
            yield (
                "from_documentation, from_text and from_files are all false; turn one on (from_text needs "
                "nothing but the corpus)"
            )
