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
    unit_rows: Annotated[int, Range(1, 1_000_000)]  # rows per backward pass of canonical gradients
    micro_batch_rows: Annotated[int, Range(1, 1_000_000)]  # rows per backward pass of fast ones
    evaluate_every_steps: Annotated[int, Range(1, 100_000_000)]
    checkpoint_every_steps: Annotated[int, Range(1, 100_000_000)]
    seed: Annotated[int, Range(0, 2**31 - 1)]

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        for name in ("unit_rows", "micro_batch_rows"):
            if self.batch_rows % getattr(self, name):
                yield f"batch_rows {self.batch_rows} must be a multiple of {name} {getattr(self, name)}"
        if not (self.from_documentation or self.from_text or self.from_files):
            yield (
                "from_documentation, from_text and from_files are all false; turn one on (from_text needs "
                "nothing but the corpus)"
            )
