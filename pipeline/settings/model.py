"""The architecture of the model that the `pretrain` stage trains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pipeline.params import Range


@dataclass(frozen=True, slots=True)
class ModelParams:
    """The shape of the decoder and the parts it is made of.

    Vocabulary and context length come from the packed tokens.
    """

    num_layers: Annotated[int, Range(1, 512)]
    width: Annotated[int, Range(32, 65_536)]
    num_heads: Annotated[int, Range(1, 512)]
    num_kv_heads: Annotated[int, Range(1, 512)]
    mlp: Literal["swiglu", "gelu", "relu", "relu2"]
    mlp_width: Annotated[int, Range(32, 262_144)]
    norm: Literal["rmsnorm", "layernorm"]
    norm_place: Literal["pre", "post"]
    qk_norm: bool  # of the kind of `norm`
    positions: Literal["rope", "learned", "sinusoidal"]
    rope_theta: Annotated[float, Range(10.0, 100_000_000.0)] | None  # a number with rope, else null
    sliding_window_tokens: Annotated[int, Range(1, 16_777_216)] | None  # null: as far back as the context
    document_attention: bool  # true: never across documents
    tied_embeddings: bool
    dropout: Annotated[float, Range(0.0, 0.9)]
    initialization: Literal["zero_output", "normal_002", "xavier", "kaiming"]

    def problems(self) -> Iterator[str]:
        """Rules across fields."""
        rotary = self.positions == "rope"
        if self.width % self.num_heads:
            yield f"width {self.width} must be a multiple of num_heads {self.num_heads}"
        elif rotary and self.width // self.num_heads % 2:
            yield f"width / num_heads must be even for positions rope; it is {self.width // self.num_heads}"
        if self.num_heads % self.num_kv_heads:
            yield f"num_heads {self.num_heads} must be a multiple of num_kv_heads {self.num_kv_heads}"
        if self.width % 32 or self.mlp_width % 32:
            yield f"width {self.width} and mlp_width {self.mlp_width} must both be multiples of 32"
        if rotary and self.rope_theta is None:
            yield "rope_theta is null; positions rope needs a number, such as 10000.0"
        if not rotary and self.rope_theta is not None:
            yield f"rope_theta is {self.rope_theta}; positions {self.positions} has no use for it: set null"
