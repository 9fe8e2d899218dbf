"""The tokenizer of the `train_bpe` stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pipeline.params import Range

ModelType = Literal["bpe", "unigram", "char", "word"]


@dataclass(frozen=True, slots=True)
class TrainBpeParams:
    """A SentencePiece model with byte fallback; ids 0..3 are unk, bos, eos, pad, then the chat tokens."""

    model_type: ModelType  # how the vocabulary is found and text is cut
    vocab_size: Annotated[int, Range(300, 262_144)]
    sample_bytes: Annotated[
        int, Range(10_000, 10_000_000_000)
    ]  # at most this much of the train split is read
    split_digits: bool
    max_piece_chars: Annotated[int, Range(2, 64)]
    seed: Annotated[int, Range(0, 2**31 - 1)]  # picks the sample
