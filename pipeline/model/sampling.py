"""Continuing a text token by token: greedy or drawn, with cached keys and values, as a stream.

Shapes: B batch (one text), T tokens, V vocabulary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from pipeline.model.transformer import KeyValueCache, Transformer

INCOMPLETE = "\ufffd"  # what undecodable bytes become
COLD = 1e-4  # a temperature below which the likeliest token always wins, so it is taken
MAX_CHARACTER_TOKENS = 4  # a UTF-8 character has at most four bytes, so four byte tokens


@dataclasses.dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is picked: among the `top_k` likeliest (0: all), at a temperature (0: the likeliest).

    There are at most `max_tokens` of them; one of `stop_ids` is the last.
    """

    max_tokens: int
    temperature: float
    top_k: int
    stop_ids: frozenset[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """What a model made of one prompt, and whether it ended by itself or at the limit."""

    prompt: str
    text: str
    tokens: int
    stopped: Literal["end", "limit"]


def generate(
    model: Transformer, prompt_ids: Sequence[int], *, sampling: Sampling, seed: int
) -> Iterator[int]:
    """Yields the ids that continue the prompt, a stop id included: the same seed, the same ids.

    When the context is full the model reads its later half again and goes on from there. ValueError for an
    empty prompt and for one longer than the context.
    """
    if not 1 <= len(prompt_ids) <= model.config.context_tokens:
        raise ValueError(
            f"the prompt has {len(prompt_ids)} tokens; must be 1 to {model.config.context_tokens}"
        )
    generator = torch.Generator().manual_seed(seed)  # on the CPU, whatever the device
    unread = list(prompt_ids)
    kept: list[int] = []
    cache = KeyValueCache(model.config, batch=1, device=model.head_VD.device)
    for _ in range(sampling.max_tokens):
        if len(kept) + len(unread) > model.config.context_tokens:
            unread = (kept + unread)[-max(model.config.context_tokens // 2, 1) :]
            kept, cache.length = [], 0
        token = pick(next_logits(model, unread, cache), sampling, generator)
        kept, unread = kept + unread, [token]
        yield token
        if token in sampling.stop_ids:
            return


@torch.inference_mode()
def next_logits(model: Transformer, tokens: Sequence[int], cache: KeyValueCache) -> Tensor:
    """The scores (V,), on the CPU, of what follows the cached tokens and `tokens`, which are cached too."""
    tokens_BT = torch.tensor([tokens], device=model.head_VD.device)
    hidden_BTD = model.hidden(tokens_BT, cache=cache)
    return model.logits(hidden_BTD[:, -1:])[0, 0].cpu()


def pick(logits_V: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """One token id from fp32 scores. When it is cold, equal scores go to the lowest id."""
    if sampling.temperature < COLD:
        return int(logits_V.argmax())
    if 0 < sampling.top_k < len(logits_V):
        least = logits_V.topk(sampling.top_k).values[-1]
        logits_V = logits_V.masked_fill(logits_V < least, float("-inf"))
    shares_V = torch.softmax((logits_V - logits_V.max()) / sampling.temperature, dim=-1)
    return int(torch.multinomial(shares_V, 1, generator=generator))


def samples(
    model: Transformer,
    prompts: Mapping[str, Sequence[int]],
    decode: Callable[[Sequence[int]], str],
    *,
    sampling: Sampling,
    seed: int,
) -> list[Sample]:
    """What the model makes of each prompt, given as text and ids; each is drawn from the same seed.

    One token at a time gives a second thread nothing to do but wait, so there is one.
    """
    threads, drawn = torch.get_num_threads(), []
    torch.set_num_threads(1)
    for prompt, prompt_ids in prompts.items():
        ids = list(generate(model, prompt_ids, sampling=sampling, seed=seed))
        ended = ids[-1] in sampling.stop_ids
        drawn.append(Sample(prompt, decode(ids), len(ids), "end" if ended else "limit"))
    torch.set_num_threads(threads)
    return drawn


def stream_text(ids: Iterable[int], decode: Callable[[Sequence[int]], str]) -> Iterator[str]:
    """The text of a stream of ids, piece by piece, never cutting a character whose bytes are several tokens.

    Bytes that may still become a character wait for the next ids; joined, the pieces are `decode(list(ids))`.

        >>> list(stream_text([72, 195, 169], lambda ids: bytes(ids).decode(errors="replace")))
        ['H', 'é']
    """
    waiting: list[int] = []
    for token in ids:
        waiting.append(token)
        text = decode(waiting)
        if not text.endswith(INCOMPLETE):
            yield text
            waiting = []
        elif len(waiting) == MAX_CHARACTER_TOKENS:
            yield decode(waiting[:1])
            del waiting[0]
    if waiting:
        yield decode(waiting)
