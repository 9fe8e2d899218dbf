"""How surprised a model is by documents: every token after the first of each is scored exactly once.

A document longer than the context is read through windows. Each window ends `stride_tokens` after the one
before and reaches back as far as the context allows, so a small stride gives every token a long past and
costs more windows (https://huggingface.co/docs/transformers/perplexity tells the same story).

Shapes: B windows, T tokens, D width, P scored positions, V vocabulary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from pipeline.errors import NumericsError
from pipeline.model.transformer import Transformer
from pipeline.progress import track

BATCH_TOKENS = 1024  # read at once: more gains nothing on a CPU
POSITIONS_AT_ONCE = 512  # whose logits are held at once: on a CPU half the time of all positions of a batch

Tokens = npt.NDArray[np.unsignedinteger]


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Tokens `start` to `end - 1` of the stream go in; predictions of `scored_from + 1` to `end` count."""

    document: int
    start: int
    scored_from: int
    end: int

    @property
    def num_inputs(self) -> int:
        """How many tokens the model reads."""
        return self.end - self.start


def windows(
    first_tokens: Sequence[int], num_tokens: Sequence[int], *, context_tokens: int, stride_tokens: int
) -> Iterator[Window]:
    """The windows over documents that begin at `first_tokens` and have `num_tokens` with `<s>` and `</s>`.

    Positions are those of the stream. A document of n tokens has n - 1 scored ones: `<s>` is given.
    ValueError when the stride is longer than the context, which would leave tokens out.
    """
    if not 1 <= stride_tokens <= context_tokens:
        raise ValueError(f"stride of {stride_tokens} tokens; must be 1 to the context of {context_tokens}")
    for document, (first, count) in enumerate(zip(first_tokens, num_tokens, strict=True)):
        last = first + count - 1
        scored_from, end = first, min(first + context_tokens, last)
        while scored_from < last:
            yield Window(document, max(first, end - context_tokens), scored_from, end)
            scored_from, end = end, min(end + stride_tokens, last)


def batches(waiting: Sequence[Window], *, batch_tokens: int = BATCH_TOKENS) -> Iterator[list[Window]]:
    """The windows in batches of similar length: padded to the longest of them, at most `batch_tokens` each.

    A single window of more is a batch of its own.
    """
    batch: list[Window] = []
    for window in sorted(waiting, key=lambda window: (window.num_inputs, window.start), reverse=True):
        if batch and (len(batch) + 1) * batch[0].num_inputs > batch_tokens:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


@dataclasses.dataclass(frozen=True, slots=True)
class Surprise:
    """What each document cost: nats and how many tokens were scored, both of shape (documents,)."""

    nll: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int64]


def score(model: Transformer, stream: Tokens, waiting: Sequence[Window], *, label: str) -> Surprise:
    """Scores the windows over a token stream and adds them up by document; `label` names it as it goes on."""
    documents = 1 + max(window.document for window in waiting)
    nll, tokens = np.zeros(documents), np.zeros(documents, dtype=np.int64)
    for batch in track(list(batches(waiting)), label=label, unit="batch"):
        owners = [window.document for window in batch]
        np.add.at(nll, owners, score_batch(model, stream, batch))
        np.add.at(tokens, owners, [window.end - window.scored_from for window in batch])
    return Surprise(nll, tokens)


@torch.inference_mode()
def score_batch(model: Transformer, stream: Tokens, batch: Sequence[Window]) -> npt.NDArray[np.float64]:
    """The negative log-likelihood in nats of each window's scored tokens, (B,) in float64.

    Shorter windows are padded at the end, where a causal model cannot look. NumericsError: not finite.
    """
    device = model.head_VD.device
    longest = max(window.num_inputs for window in batch)
    inputs_BT = torch.full((len(batch), longest), model.config.pad_id, dtype=torch.long)
    targets_BT = torch.full((len(batch), longest), -1, dtype=torch.long)
    for row, window in enumerate(batch):
        span = torch.from_numpy(stream[window.start : window.end + 1].astype(np.int64))
        inputs_BT[row, : window.num_inputs] = span[:-1]
        skipped = window.scored_from - window.start
        targets_BT[row, skipped : window.num_inputs] = span[1 + skipped :]
    rows_P, columns_P = torch.nonzero(targets_BT >= 0, as_tuple=True)
    hidden_PD = model.hidden(inputs_BT.to(device))[rows_P.to(device), columns_P.to(device)]
    targets_P = targets_BT[rows_P, columns_P].to(device)
    nll_B = np.zeros(len(batch))
    for start in range(0, len(targets_P), POSITIONS_AT_ONCE):
        some = slice(start, start + POSITIONS_AT_ONCE)
        nll_P = F.cross_entropy(model.logits(hidden_PD[some]), targets_P[some], reduction="none")
        np.add.at(nll_B, rows_P[some].numpy(), nll_P.cpu().double().numpy())
    if not np.isfinite(nll_B).all():
        raise NumericsError("the model gives a token a probability of zero or NaN; train it again")
    return nll_B
