"""What a model is given to begin with, as ids: text to continue, or a question to answer.

A base model gets `<s>text`, a tuned one `<s><|user|>question<|end|><|assistant|>`.
"""

from __future__ import annotations

from typing import Literal

from pipeline.tokens.bpe import Tokenizer


def prompt_ids(tokenizer: Tokenizer, text: str, *, role: Literal["base", "tuned"]) -> list[int]:
    """The ids that a model of this role takes for the text. DataError for a lone surrogate."""
    ids = tokenizer.encode(text)
    if role == "base":
        return [tokenizer.bos_id, *ids]
    return [tokenizer.bos_id, tokenizer.user_id, *ids, tokenizer.end_id, tokenizer.assistant_id]


def stop_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """The ids after which nothing of an answer follows: the end of the document, the end of the turn."""
    return frozenset((tokenizer.eos_id, tokenizer.end_id))
