"""The tokenizer as other programs need to know it: pieces, merges, control ids and the chat format."""

from __future__ import annotations

import dataclasses
from typing import Literal

Kind = Literal["unknown", "control", "byte", "normal"]

SPACE = "\u2581"  # how a piece writes a space

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<|user|>' }}"
    "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>' }}"
    "{% else %}{{ raise_exception('roles are user and assistant, not ' + message['role']) }}{% endif %}"
    "{{ message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Vocabulary:
    """One piece, score and kind per id; a piece with a higher score is merged earlier."""

    model: bytes  # tokenizer.model, as SentencePiece wrote it
    model_type: str  # bpe, unigram, char or word
    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    kinds: tuple[Kind, ...]
    unk_id: int
    bos_id: int
    eos_id: int
    pad_id: int
    end_id: int  # ends a turn of a conversation

    def why_not_exported(self) -> str | None:
        """One sentence for a tokenizer that other programs would cut text differently with; else None."""
        if self.model_type == "bpe":
            return None
        return f"Not exported: train_bpe.model_type is {self.model_type} (only bpe is written for others)."

    def special_ids(self) -> list[int]:
        """The ids that no text encodes to."""
        return [id for id, kind in enumerate(self.kinds) if kind in ("unknown", "control")]

    def merges(self) -> list[tuple[str, str]]:
        """Every pair of pieces whose concatenation is a piece, in the order in which they are merged."""
        normal = {piece: id for id, piece in enumerate(self.pieces) if self.kinds[id] == "normal"}
        ordered = sorted(normal, key=lambda piece: (-self.scores[normal[piece]], normal[piece]))
        return [
            (piece[:cut], piece[cut:])
            for piece in ordered
            for cut in range(1, len(piece))
            if piece[:cut] in normal and piece[cut:] in normal
        ]
