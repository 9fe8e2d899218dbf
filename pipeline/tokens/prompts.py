"""What a model is given to begin with, as ids: text to continue, or a question to answer.

A base model gets `<s>text`, a tuned one `<s><|user|>question<|end|><|assistant|>`. Of a text that is too long
for the model the end is kept, and the marks around it always.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.tokens.bpe import Tokenizer

ANSWER_SHARE = 0.25  # of the context, left for what the model adds


@dataclass(frozen=True, slots=True)
class Prompt:
    """The ids to begin with, and how many tokens at the start of the text found no room among them."""

    ids: tuple[int, ...]
    left_out: int


def prompt_for(
    tokenizer: Tokenizer, text: str, *, role: Literal["base", "tuned"], context_tokens: int
) -> Prompt:
    """The prompt that a model of this role and context takes for the text. DataError for a lone surrogate."""
    before, after = [tokenizer.bos_id], list[int]()
    if role == "tuned":
        before, after = [*before, tokenizer.user_id], [tokenizer.end_id, tokenizer.assistant_id]
    ids = tokenizer.encode(text)
    room = max(1, int(context_tokens * (1 - ANSWER_SHARE)) - len(before) - len(after))
    return Prompt((*before, *ids[-room:], *after), max(0, len(ids) - room))


def stop_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """The ids after which nothing of an answer follows: the end of the document, the end of the turn."""
    return frozenset((tokenizer.eos_id, tokenizer.end_id))
