"""GGUF files opened in llama.cpp itself: the same predictions, ids and turns."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline.model.export_gguf import GgufType, write_gguf
from tests.model.exports import VOCAB_SIZE, small_model, small_tokenizer, small_vocabulary
from tests.tokens.material import HARD_TEXTS, random_text, reference_texts

llama_cpp: Any = pytest.importorskip(
    "llama_cpp",
    reason="llama-cpp-python is not installed (extra `llama-cpp`): GGUF files are NOT opened in llama.cpp",
)
MOST_NATS = {"F16": 1e-5, "Q8_0": 1e-3, "Q4_0": 0.1}  # per token, mean divergence from the model's own shares


def opened(path: Path, **options: Any) -> Any:
    """The file as llama.cpp reads it, giving the logits of every token."""
    return llama_cpp.Llama(str(path), n_ctx=64, n_threads=1, logits_all=True, verbose=False, **options)


def log_shares(logits_TV: npt.NDArray[np.float32]) -> torch.Tensor:
    return torch.log_softmax(torch.from_numpy(np.asarray(logits_TV)).double(), dim=-1)


@pytest.mark.parametrize("layout", ["llama", "qwen3"])
@pytest.mark.parametrize("kind", get_args(GgufType))
def test_its_predictions_are_the_model_s(layout: str, kind: GgufType, tmp_path: Path) -> None:
    model, path = small_model(layout), tmp_path / "small.gguf"
    write_gguf(path, model, small_vocabulary(), kind=kind, name="small", chat=True)
    ids = torch.randint(7, VOCAB_SIZE, (48,), generator=torch.Generator().manual_seed(1))
    theirs = opened(path)
    theirs.eval(ids.tolist())
    found_TV = log_shares(theirs.scores[: len(ids)])
    with torch.inference_mode():
        wanted_TV = log_shares(model(ids[None])[0].numpy())
    divergence = (wanted_TV.exp() * (wanted_TV - found_TV)).sum(-1).mean()
    assert divergence < MOST_NATS[kind]


def test_its_tokenizer_cuts_every_text_as_ours_does(tmp_path: Path) -> None:
    path, rng = tmp_path / "small.gguf", random.Random(1)
    write_gguf(path, small_model("qwen3"), small_vocabulary(), kind="F16", name="small", chat=True)
    theirs, ours = opened(path, vocab_only=True), small_tokenizer()
    for text in (*HARD_TEXTS, *reference_texts(count=10), *(random_text(rng) for _ in range(200))):
        found = theirs.tokenize(text.encode(), add_bos=False, special=False)
        assert found == ours.encode(text), text[:80]
        assert theirs.detokenize(found).decode() == text


def test_it_knows_the_turns_of_a_conversation(tmp_path: Path) -> None:
    path = tmp_path / "small.gguf"
    vocabulary = small_vocabulary()
    write_gguf(path, small_model("qwen3"), vocabulary, kind="F16", name="small", chat=True)
    theirs = opened(path)
    asked = theirs.tokenize(b"<|user|>", add_bos=True, special=True)
    assert asked == [vocabulary.bos_id, vocabulary.pieces.index("<|user|>")]
    assert theirs.token_eos() == vocabulary.eos_id
    answer = theirs.create_chat_completion([{"role": "user", "content": "hi"}], max_tokens=4, seed=1)
    assert answer["usage"]["prompt_tokens"] == 4 + len(small_tokenizer().encode("hi"))
