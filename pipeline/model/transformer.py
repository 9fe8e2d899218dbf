"""The decoder: RMSNorm before each block, rotary positions, grouped-query attention, SwiGLU.

Weights carry the names that transformers gives them (Llama, or Qwen3 with QK-norm), so export is a copy and
the logits are those of `LlamaForCausalLM` and `Qwen3ForCausalLM` for the same weights.

Shapes: B batch, T tokens, S tokens seen (cached ones included), D width, H query heads, G key/value heads,
        K width of one head, V vocabulary.
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pipeline.model.attention import attend, attention_mask, rotary_tables, visibility
from pipeline.model.kernels import rms_norm, rotate


@dataclasses.dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a decoder and the ids of its control tokens."""

    vocab_size: int
    context_tokens: int
    num_layers: int
    width: int
    num_heads: int
    num_kv_heads: int
    mlp_width: int
    qk_norm: bool  # true: Qwen3 layout, false: Llama layout
    tied_embeddings: bool
    rope_theta: float
    norm_epsilon: float
    bos_id: int
    eos_id: int
    pad_id: int

    @property
    def head_width(self) -> int:
        """The width K of one attention head."""
        return self.width // self.num_heads


class KeyValueCache:
    """Keys and values of the tokens seen so far, for generation: each call of `hidden` appends its tokens.

        cache = KeyValueCache(model.config, batch=1)
        model.hidden(prompt_BT, cache=cache)    # fills positions 0..T-1
        model.hidden(next_B1, cache=cache)      # position T

    It holds at most `context_tokens` positions. `length` is how many are filled.
    """

    def __init__(self, config: ModelConfig, *, batch: int, device: torch.device | str = "cpu") -> None:
        shape = (config.num_layers, 2, batch, config.num_kv_heads, config.context_tokens, config.head_width)
        self._store = torch.zeros(shape, device=device)
        self.length = 0

    def extend(self, layer: int, key_BGTK: Tensor, value_BGTK: Tensor) -> tuple[Tensor, Tensor]:
        """Stores one layer's new positions and returns its keys and values so far, each (B, G, S, K)."""
        end = self.length + key_BGTK.shape[2]
        self._store[layer, 0, :, :, self.length : end] = key_BGTK
        self._store[layer, 1, :, :, self.length : end] = value_BGTK
        key_BGSK, value_BGSK = self._store[layer, :, :, :, :end].to(key_BGTK.dtype)
        return key_BGSK, value_BGSK


@dataclasses.dataclass(frozen=True, slots=True)
class _Context:
    """What every layer needs to know about the tokens at hand."""

    cosine_TK: Tensor
    sine_TK: Tensor
    mask: Tensor  # see attention_mask
    cache: KeyValueCache | None


class RMSNorm(nn.Module):
    """Scales the last axis to a root mean square of 1 and then by a learned weight (arXiv:1910.07467)."""

    def __init__(self, width: int, *, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Same shape and dtype as `x`; the mean is taken in fp32."""
        return rms_norm(x, self.weight, epsilon=self.epsilon)


class Attention(nn.Module):
    """Causal grouped-query attention with rotary positions, and RMSNorm on queries and keys if asked."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        key_width = config.num_kv_heads * config.head_width
        self.q_proj = nn.Linear(config.width, config.width, bias=False)
        self.k_proj = nn.Linear(config.width, key_width, bias=False)
        self.v_proj = nn.Linear(config.width, key_width, bias=False)
        self.o_proj = nn.Linear(config.width, config.width, bias=False)
        if config.qk_norm:
            self.q_norm = RMSNorm(config.head_width, epsilon=config.norm_epsilon)
            self.k_norm = RMSNorm(config.head_width, epsilon=config.norm_epsilon)

    def forward(self, x_BTD: Tensor, layer: int, context: _Context) -> Tensor:
        """What each token takes from the visible tokens, (B, T, D)."""
        heads = (*x_BTD.shape[:2], -1, self.config.head_width)
        query_BHTK = self.q_proj(x_BTD).view(heads).transpose(1, 2)
        key_BGTK = self.k_proj(x_BTD).view(heads).transpose(1, 2)
        value_BGTK = self.v_proj(x_BTD).view(heads).transpose(1, 2)
        if self.config.qk_norm:
            query_BHTK, key_BGTK = self.q_norm(query_BHTK), self.k_norm(key_BGTK)
        query_BHTK = rotate(query_BHTK, context.cosine_TK, context.sine_TK)
        key_BGTK = rotate(key_BGTK, context.cosine_TK, context.sine_TK)
        if context.cache is not None:
            key_BGTK, value_BGTK = context.cache.extend(layer, key_BGTK, value_BGTK)
        mixed_BHTK = attend(query_BHTK, key_BGTK, value_BGTK, context.mask)
        output_BTD: Tensor = self.o_proj(mixed_BHTK.transpose(1, 2).reshape(x_BTD.shape))
        return output_BTD


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x)) (arXiv:2002.05202)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down_proj = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        output_BTD: Tensor = self.down_proj(F.silu(self.gate_proj(x_BTD)) * self.up_proj(x_BTD))
        return output_BTD


class Block(nn.Module):
    """One layer: attention and MLP, each behind its norm and added to the residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.width, epsilon=config.norm_epsilon)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.width, epsilon=config.norm_epsilon)
        self.mlp = MLP(config)

    def forward(self, x_BTD: Tensor, layer: int, context: _Context) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        x_BTD = x_BTD + self.self_attn(self.input_layernorm(x_BTD), layer, context)
        x_BTD = x_BTD + self.mlp(self.post_attention_layernorm(x_BTD))
        return x_BTD


class Decoder(nn.Module):
    """Embeddings, blocks and the final norm: everything but the head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.width)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.width, epsilon=config.norm_epsilon)
        self.gradient_checkpointing = False  # true: a backward pass runs each block again, for less memory

    def forward(self, tokens_BT: Tensor, context: _Context) -> Tensor:
        """(B, T) ids to (B, T, D) after the final norm."""
        x_BTD = self.embed_tokens(tokens_BT)
        for layer, block in enumerate(self.layers):
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x_BTD = checkpoint(block, x_BTD, layer, context, use_reentrant=False)
            else:
                x_BTD = block(x_BTD, layer, context)
        final_BTD: Tensor = self.norm(x_BTD)
        return final_BTD


class Transformer(nn.Module):
    """A decoder with a language-model head; `initialize` gives a new one its first weights."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        if not config.tied_embeddings:
            self.lm_head = nn.Linear(config.width, config.vocab_size, bias=False)

    @property
    def head_VD(self) -> Tensor:
        """The weight of the head: the embedding table when they are tied."""
        return self.model.embed_tokens.weight if self.config.tied_embeddings else self.lm_head.weight

    def hidden(
        self, tokens_BT: Tensor, documents_BT: Tensor | None = None, cache: KeyValueCache | None = None
    ) -> Tensor:
        """The final hidden state of every token, (B, T, D).

        `documents_BT` numbers the document that each token belongs to: a token sees only its own. With
        `cache`, the tokens continue those already in it. ValueError beyond `context_tokens` positions.
        """
        start = cache.length if cache is not None else 0
        end = start + tokens_BT.shape[1]
        if end > self.config.context_tokens:
            raise ValueError(f"{end} tokens; the model's context is {self.config.context_tokens}")
        visible_BTS = visibility(start, end, documents_BT, device=tokens_BT.device)
        cosine_TK, sine_TK = rotary_tables(
            start, end, width=self.config.head_width, theta=self.config.rope_theta, device=tokens_BT.device
        )
        context = _Context(
            cosine_TK,
            sine_TK,
            mask=attention_mask(visible_BTS, batch=tokens_BT.shape[0], heads=self.config.num_heads),
            cache=cache,
        )
        hidden_BTD: Tensor = self.model(tokens_BT, context)
        if cache is not None:
            cache.length = end
        return hidden_BTD

    def logits(self, hidden_BTD: Tensor) -> Tensor:
        """Scores of every next token, (B, T, V), in fp32."""
        return F.linear(hidden_BTD, self.head_VD).float()

    def forward(self, tokens_BT: Tensor, documents_BT: Tensor | None = None) -> Tensor:
        """Scores of every next token, (B, T, V), in fp32."""
        return self.logits(self.hidden(tokens_BT, documents_BT))


def initialize(model: Transformer, *, seed: int) -> None:
    """Fills the weights of a new model: the same seed, the same weights, whatever was drawn before.

    The projections back into the residual stream start at zero, so a new block is the identity, and the head
    at zero (a tied one small), so that the first loss is ln(vocab_size).
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            nn.init.ones_(parameter)
        elif name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
            nn.init.zeros_(parameter)
        elif name.endswith("embed_tokens.weight"):
            deviation = 0.01 if model.config.tied_embeddings else 1.0
            nn.init.normal_(parameter, std=deviation, generator=generator)
        else:
            nn.init.normal_(parameter, std=model.config.width**-0.5, generator=generator)
