"""Quality for the time: nanoGPT and this project's recipe learn from the same tokens, on one thread.

CORPUS names a folder of text. Its documents are put in an order of their own; the first that reach VAL_BYTES
are unseen text to measure on (a whole book, where it holds books), the next 5 MB are learned from, with a
vocabulary of 2,048 that `train_bpe` finds in them. Both sides are measured on the same blocks of the unseen
text. Seconds are the processor's, of the training alone.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import random
import time

import numpy as np
import torch

from benchmarks.bench import texts
from benchmarks.ours import shaped, training
from benchmarks.peers import MAX_NORM, Shape, nanogpt, nanogpt_loss, nanogpt_optimizer
from benchmarks.trainings import default_params, new_model
from pipeline.errors import ParamsError
from pipeline.model.batches import TokenBlocks, in_order
from pipeline.model.losses import IGNORED
from pipeline.model.runtime import Runtime, start_runtime
from pipeline.model.schedules import learning_rate_share
from pipeline.model.training import summed_loss
from pipeline.settings.pretrain import PretrainParams
from pipeline.tokens.bpe import Tokenizer
from pipeline.tokens.learning import train as learn_tokenizer

SHAPE = Shape(layers=4, heads=4, width=256, context=128, batch=8, vocab_size=2048)  # 3.7 M parameters
OURS = dataclasses.replace(SHAPE, layers=3)  # 3.5 M: two tables of embeddings, a gated MLP
NANOGPT_STEPS = 1000  # of 8 * 128 tokens
NANOGPT_RATES = (1e-3, 3e-3)
NANOGPT_BETAS = (0.9, 0.99)  # of its recipe for small batches
TRAIN_BYTES = 5_000_000
VAL_BYTES = 200_000
MIN_CHARS = 1000
MAX_DOCUMENTS = 5_000
PATTERNS = ("**/*.txt", "**/*.md")
EVALUATION_BLOCKS = 16
NOT_COUNTED = -1  # what nanoGPT's loss leaves out


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """What is learned from and what is measured on, as blocks; `val_bytes` of UTF-8 are in the latter."""

    train: TokenBlocks
    val: TokenBlocks
    val_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Learned:
    """One training: tokens seen, bits per byte of the unseen text after it, processor seconds it took."""

    tokens: int
    bits_per_byte: float
    seconds: float

    def cells(self, recipe: str) -> tuple[str, ...]:
        """Its row in a table."""
        return recipe, f"{self.tokens / 1000:,.0f} k", f"{self.bits_per_byte:.3f}", f"{self.seconds:.0f}"


HEAD = ("recipe", "tokens", "bits per byte", "processor seconds")


@functools.cache
def one_thread() -> Runtime:
    """The runtime of every training here."""
    return start_runtime(dataclasses.replace(default_params().runtime, threads=1))


@functools.cache
def text() -> Text:
    """The corpus as blocks of the shape's context; ParamsError when it is too small."""
    documents = texts(min_chars=MIN_CHARS, at_most=MAX_DOCUMENTS, patterns=PATTERNS)
    random.Random(1).shuffle(documents)
    val, rest = first_bytes(documents, VAL_BYTES)
    train, _ = first_bytes(rest, TRAIN_BYTES)
    if not train:
        raise ParamsError(f"CORPUS: holds no more than {VAL_BYTES:,} bytes; name a folder with more text")
    found = learn_tokenizer(
        lambda: train, model_type="bpe", vocab_size=SHAPE.vocab_size, split_digits=True, max_piece_chars=16
    )
    tokenizer = Tokenizer(found.model, origin="the benchmark's tokenizer")
    return Text(_blocks(train, tokenizer), _blocks(val, tokenizer), sum(len(each.encode()) for each in val))


@functools.cache
def nanogpt_learns(learning_rate: float) -> Learned:
    """nanoGPT with its recipe for small models on a CPU: warm-up over a tenth, cosine to a tenth."""
    one_thread()
    torch.manual_seed(1)
    model, data = nanogpt(SHAPE), text()
    optimizer = nanogpt_optimizer(model, learning_rate=learning_rate, betas=NANOGPT_BETAS)
    schedule = dataclasses.replace(
        default_params().optimization.schedule, kind="cosine", warmup_share=0.1, final_share=0.1
    )
    started = time.process_time()
    for step in range(NANOGPT_STEPS):
        share = learning_rate_share(step, steps=NANOGPT_STEPS, params=schedule)
        for group in optimizer.param_groups:
            group["lr"] = share * learning_rate
        rows_BS = _random_rows(data.train.tokens)
        with one_thread().autocast():
            loss = nanogpt_loss(model, rows_BS[:, :-1].contiguous(), rows_BS[:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    seconds = time.process_time() - started
    nats = 0.0
    with torch.no_grad(), one_thread().autocast():
        for batch in in_order(data.val, EVALUATION_BLOCKS):
            targets_BT = batch.targets_BT.where(batch.targets_BT != IGNORED, NOT_COUNTED)
            nats += float(nanogpt_loss(model, batch.tokens_BT, targets_BT)) * batch.num_targets
    tokens = NANOGPT_STEPS * SHAPE.batch * SHAPE.context
    return Learned(tokens, nats / math.log(2) / data.val_bytes, seconds)


def nanogpt_best() -> tuple[Learned, dict[float, Learned]]:
    """The better of its trainings, and all by learning rate."""
    tried = {rate: nanogpt_learns(rate) for rate in NANOGPT_RATES}
    return min(tried.values(), key=lambda learned: learned.bits_per_byte), tried


def we_learn(params: PretrainParams) -> Learned:
    """The recipe of these params."""
    runtime, data = one_thread(), text()
    model = new_model(params, vocab_size=SHAPE.vocab_size, context_tokens=SHAPE.context)
    started = time.process_time()
    tokens = sum(SHAPE.context * params.batch_blocks for _ in training(model, data.train, params, runtime))
    seconds = time.process_time() - started
    nats, _ = summed_loss(model, in_order(data.val, EVALUATION_BLOCKS), runtime=runtime)
    return Learned(tokens, nats / math.log(2) / data.val_bytes, seconds)


def recipe(*, tokens: int, seed: int = 1) -> PretrainParams:
    """The pretrain section of params.yaml at the size of the set-up, for so many tokens."""
    steps = tokens // (OURS.batch * OURS.context)
    return dataclasses.replace(shaped(default_params(), OURS, steps=steps), seed=seed)


def first_bytes(documents: list[str], size: int) -> tuple[list[str], list[str]]:
    """The first documents that reach `size` bytes together, the last one cut, and all others."""
    taken: list[str] = []
    for number, document in enumerate(documents):
        data = document.encode()[:size]
        taken.append(data.decode(errors="ignore"))
        size -= len(data)
        if not size:
            return taken, documents[number + 1 :]
    return taken, []


def _blocks(documents: list[str], tokenizer: Tokenizer) -> TokenBlocks:
    bos = np.array([tokenizer.bos_id])
    pieces = [piece for ids in tokenizer.encode_many(documents) for piece in (bos, ids)]
    ids = {"bos_id": tokenizer.bos_id, "pad_id": tokenizer.pad_id}
    return TokenBlocks(np.concatenate(pieces), block_tokens=SHAPE.context, **ids)


def _random_rows(tokens: np.ndarray) -> torch.Tensor:
    """A batch as train.py draws it: the context and the token behind it, from anywhere; (B, T + 1)."""
    starts = torch.randint(len(tokens) - SHAPE.context, (SHAPE.batch,)).tolist()
    return torch.from_numpy(np.stack([tokens[at : at + SHAPE.context + 1] for at in starts]).astype(np.int64))
