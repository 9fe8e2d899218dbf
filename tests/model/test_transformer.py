"""The decoder's arithmetic is that of transformers, by either kernel, for each document as if alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from pipeline.model import attention
from pipeline.model.gates import shaken
from pipeline.model.transformer import KeyValueCache, Transformer
from tests.model.trainings import CONFIG, VOCAB_SIZE


def random_model(**changes: object) -> Transformer:
    model: Transformer = shaken(Transformer(dataclasses.replace(CONFIG, **changes)))  # type: ignore[arg-type]
    return model.eval()


def random_tokens(*shape: int) -> Tensor:
    return torch.randint(VOCAB_SIZE, shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("qk_norm", [False, True])
def test_logits_are_those_of_transformers(qk_norm: bool, tied: bool) -> None:
    transformers = pytest.importorskip("transformers")
    model = random_model(qk_norm=qk_norm, tied_embeddings=tied)
    shape = {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": CONFIG.width,
        "intermediate_size": CONFIG.mlp_width,
        "num_hidden_layers": CONFIG.num_layers,
        "num_attention_heads": CONFIG.num_heads,
        "num_key_value_heads": CONFIG.num_kv_heads,
        "head_dim": CONFIG.head_width,
        "max_position_embeddings": CONFIG.context_tokens,
        "rms_norm_eps": CONFIG.norm_epsilon,
        "rope_parameters": {"rope_type": "default", "rope_theta": CONFIG.rope_theta},
        "tie_word_embeddings": tied,
    }
    if qk_norm:
        theirs = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**shape))
    else:
        theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape))
    theirs.load_state_dict(model.state_dict(), strict=not tied)
    tokens_BT = random_tokens(3, CONFIG.context_tokens)
    with torch.no_grad():
        torch.testing.assert_close(model(tokens_BT), theirs.eval()(tokens_BT).logits, rtol=1e-5, atol=1e-5)


def test_a_document_in_a_block_gets_the_logits_it_gets_alone() -> None:
    model, tokens_BT = random_model(), random_tokens(1, 12)
    documents_BT = torch.tensor([[0] * 5 + [1] * 7])
    with torch.no_grad():
        together_BTV = model(tokens_BT, documents_BT)
        torch.testing.assert_close(together_BTV[:, :5], model(tokens_BT[:, :5]))
        torch.testing.assert_close(together_BTV[:, 5:], model(tokens_BT[:, 5:]), rtol=1e-4, atol=1e-4)


def test_both_attention_kernels_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens_BT = random_model(), random_tokens(2, 16)
    documents_BT = (torch.arange(16) // 6).expand(2, 16)
    with torch.no_grad():
        plain_BTV, masked_BTV = model(tokens_BT), model(tokens_BT, documents_BT)
        monkeypatch.setattr(attention, "MATMUL_ATTENTION_TOKENS", 0)
        torch.testing.assert_close(model(tokens_BT), plain_BTV)
        torch.testing.assert_close(model(tokens_BT, documents_BT), masked_BTV)


def test_more_tokens_than_the_context_are_refused() -> None:
    model, cache = random_model(), KeyValueCache(CONFIG, batch=1)
    with pytest.raises(ValueError, match="17 tokens; the model's context is 16"):
        model.hidden(random_tokens(1, 17))
    with torch.no_grad():
        model.hidden(random_tokens(1, 16), cache=cache)
    with pytest.raises(ValueError, match="context is 16"):
        model.hidden(random_tokens(1, 1), cache=cache)
