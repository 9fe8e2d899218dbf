"""The config of a model: what the params say of its shape and what the packed tokens do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pipeline.params import allowed, unwrapped
from pipeline.settings.model import ModelParams


@dataclasses.dataclass(frozen=True, slots=True)
class ModelConfig(ModelParams):
    """The shape of a decoder, the parts it is made of, and the ids of its control tokens."""

    vocab_size: int
    context_tokens: int
    norm_epsilon: float
    bos_id: int
    eos_id: int
    pad_id: int

    @property
    def head_width(self) -> int:
        """The width K of one attention head."""
        return self.width // self.num_heads

    @property
    def embedding_deviation(self) -> float:
        """The standard deviation of a new embedding table, and how loud positions are that are added to it.

        A table that is the head too starts small, or the logit of the token just read, `deviation * width`
        in a block that adds nothing, would outweigh the vocabulary.
        """
        if self.initialization != "zero_output":
            return 0.02
        return min(0.01, 4 / self.width) if self.tied_embeddings else 1.0


def config_from(values: Any) -> ModelConfig:
    """The config that `dataclasses.asdict` made these values of; ValueError says what is wrong with them."""
    hints = get_type_hints(ModelConfig, include_extras=True)
    if not isinstance(values, Mapping):
        raise ValueError("it is no JSON object")
    for name in sorted(hints.keys() ^ values.keys()):
        raise ValueError(f"it lacks {name}" if name in hints else f"{name} is no part of a model config")
    for name, kind in hints.items():
        if not _fits(values[name], kind):
            raise ValueError(f"{name} is {values[name]!r}, not {allowed(kind)}")
    config = ModelConfig(**values)
    for problem in config.problems():
        raise ValueError(problem)
    return config


def _fits(value: Any, kind: Any) -> bool:
    """Whether a JSON value is of the annotated type and in its range."""
    plain, rules, optional = unwrapped(kind)
    if value is None:
        return optional
    if get_origin(plain) is Literal:
        return value in get_args(plain)
    return type(value) is plain and all(rule.low <= value <= rule.high for rule in rules)
