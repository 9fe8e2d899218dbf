"""Sampling: the cache changes nothing, seeds repeat, streams never cut a character."""

from __future__ import annotations

import random

import pytest
import torch

from pipeline.model.sampling import Sampling, generate, pick, samples, stream_text
from pipeline.model.transformer import Transformer
from tests.model.exports import small_model, small_tokenizer
from tests.tokens.material import HARD_TEXTS


def greedy(max_tokens: int, *stop_ids: int) -> Sampling:
    return Sampling(max_tokens, temperature=0, top_k=0, stop_ids=frozenset(stop_ids))


def generated(model: Transformer, prompt: list[int], sampling: Sampling, *, seed: int = 1) -> list[int]:
    return list(generate(model, prompt, sampling=sampling, seed=seed))


def greedily(model: Transformer, ids: list[int]) -> int:
    with torch.no_grad():
        return int(model(torch.tensor([ids]))[0, -1].argmax())


@pytest.mark.parametrize("layout", ["qwen3", "llama"])
def test_each_token_is_the_one_that_a_pass_without_cache_likes_best(layout: str) -> None:
    model, ids = small_model(layout), [1, 20, 30, 40]
    for token in generated(model, ids, greedy(40)):
        assert token == greedily(model, ids)
        ids.append(token)


def test_a_full_context_is_read_again_from_its_middle() -> None:
    model, ids = small_model("llama", context_tokens=16), [1, 20, 30]
    found = generated(model, ids, greedy(60))
    assert len(found) == 60
    window = list(ids)
    for token in found:
        if len(window) > 16:
            window = window[-8:]
        assert token == greedily(model, window)
        window.append(token)


def test_the_stop_token_comes_last() -> None:
    model = small_model("llama")
    free = generated(model, [1, 20], greedy(20))
    stopped = generated(model, [1, 20], greedy(20, free[4]))
    assert stopped == free[: free.index(free[4]) + 1]


def test_the_same_seed_draws_the_same_tokens() -> None:
    model, warm = small_model("llama"), Sampling(30, temperature=1.0, top_k=50, stop_ids=frozenset())
    first, again, other = (generated(model, [1], warm, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_draws_follow_the_probabilities_and_keep_to_the_top() -> None:
    logits, generator = torch.tensor([0.0, 2.0, 1.0, -3.0]), torch.Generator().manual_seed(1)
    cool = Sampling(1, temperature=0.5, top_k=2, stop_ids=frozenset())
    drawn = [pick(logits, cool, generator) for _ in range(2000)]
    wanted = torch.softmax(torch.tensor([2.0, 1.0]) / 0.5, dim=-1)[0]
    assert set(drawn) == {1, 2}
    assert drawn.count(1) / 2000 == pytest.approx(float(wanted), abs=0.03)


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-6])
def test_without_warmth_the_likeliest_token_wins(temperature: float) -> None:
    cold = Sampling(1, temperature=temperature, top_k=0, stop_ids=frozenset())
    generator = torch.Generator().manual_seed(1)
    assert pick(torch.tensor([0.0, 3.0, 3.0, 2.9]), cold, generator) == 1


def test_samples_of_the_same_seed_do_not_depend_on_each_other() -> None:
    model, tokenizer = small_model("llama"), small_tokenizer()
    warm = Sampling(10, temperature=1.0, top_k=0, stop_ids=frozenset())
    one, two = [1, 20], [1, 30, 40]
    both = samples(model, {"one": one, "two": two}, tokenizer.decode, sampling=warm, seed=3)
    assert samples(model, {"two": two}, tokenizer.decode, sampling=warm, seed=3) == both[1:]
    assert [(sample.prompt, sample.tokens, sample.stopped) for sample in both] == [
        ("one", 10, "limit"),
        ("two", 10, "limit"),
    ]


def test_a_sample_that_ends_by_itself_says_so() -> None:
    model, tokenizer = small_model("llama"), small_tokenizer()
    stop = greedily(model, [1, 20])
    (sample,) = samples(model, {"x": [1, 20]}, tokenizer.decode, sampling=greedy(9, stop), seed=1)
    assert (sample.tokens, sample.stopped) == (1, "end")


@pytest.mark.parametrize("tokens", [0, 17])
def test_a_prompt_that_is_empty_or_longer_than_the_context_is_refused(tokens: int) -> None:
    with pytest.raises(ValueError, match=f"the prompt has {tokens} tokens; must be 1 to 16"):
        generated(small_model("llama", context_tokens=16), [20] * tokens, greedy(1))


def test_streamed_pieces_are_the_text_and_hold_whole_characters() -> None:
    tokenizer = small_tokenizer()
    for text in HARD_TEXTS:
        pieces = list(stream_text(tokenizer.encode(text), tokenizer.decode))
        assert "".join(pieces) == tokenizer.decode(tokenizer.encode(text))
        if "\ufffd" not in text:
            assert not any("\ufffd" in piece for piece in pieces)


def test_streamed_pieces_are_the_text_for_any_ids_at_all() -> None:
    tokenizer, rng = small_tokenizer(), random.Random(4)
    lead_bytes = [7 + byte for byte in (0xF0, 0x9F, 0x98, 0x80, 0xE2, 0x82, 0xC3, 0x41)]
    for _ in range(300):
        ids = [rng.choice(lead_bytes) if rng.random() < 0.7 else rng.randrange(800) for _ in range(9)]
        assert "".join(stream_text(ids, tokenizer.decode)) == tokenizer.decode(ids)
