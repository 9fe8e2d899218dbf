"""The decoder: grouped-query attention and an MLP per block, around a residual stream.

Its parts are those that the config names: norms and their place, positions, MLPs. With RMSNorm before each
sublayer, rotary positions and SwiGLU the weights carry the names that transformers gives them (Llama, or
Qwen3 with QK-norm), so export is a copy and the logits are those of `LlamaForCausalLM` and
`Qwen3ForCausalLM` for the same weights.

Shapes: B batch, T tokens, S tokens seen (cached ones included), D width, H query heads, G key/value heads,
        K width of one head, V vocabulary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pipeline.model.attention import attend, attention_mask, visibility
from pipeline.model.config import ModelConfig
from pipeline.model.dropout import Dropout
from pipeline.model.kernels import rotate
from pipeline.model.mlps import MLPS
from pipeline.model.norms import new_norm
from pipeline.model.positions import POSITIONS, rotation


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

    start: int  # position of the first one
    rotation: tuple[Tensor, Tensor] | None  # of queries and keys; None when embeddings hold the positions
    mask: Tensor | None  # see attention_mask
    cache: KeyValueCache | None
    dropout: Dropout | None

    def dropped(self, x_BTD: Tensor, *, layer: int, place: int) -> Tensor:
        """`x_BTD` after dropout, if there is any; each `layer` drops at places 1 and 2."""
        return x_BTD if self.dropout is None else self.dropout.apply(x_BTD, site=2 * layer + place)


class Attention(nn.Module):
    """Causal grouped-query attention, with a norm on the queries and keys of each head if asked."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        key_width = config.num_kv_heads * config.head_width
        self.q_proj = nn.Linear(config.width, config.width, bias=False)
        self.k_proj = nn.Linear(config.width, key_width, bias=False)
        self.v_proj = nn.Linear(config.width, key_width, bias=False)
        self.o_proj = nn.Linear(config.width, config.width, bias=False)
        if config.qk_norm:
            self.q_norm = new_norm(config, config.head_width)
            self.k_norm = new_norm(config, config.head_width)

    def forward(self, x_BTD: Tensor, layer: int, context: _Context) -> Tensor:
        """What each token takes from the visible tokens, (B, T, D)."""
        heads = (*x_BTD.shape[:2], -1, self.config.head_width)
        query_BHTK = self.q_proj(x_BTD).view(heads).transpose(1, 2)
        key_BGTK = self.k_proj(x_BTD).view(heads).transpose(1, 2)
        value_BGTK = self.v_proj(x_BTD).view(heads).transpose(1, 2)
        if self.config.qk_norm:
            query_BHTK, key_BGTK = self.q_norm(query_BHTK), self.k_norm(key_BGTK)
        if context.rotation is not None:
            query_BHTK, key_BGTK = rotate(query_BHTK, *context.rotation), rotate(key_BGTK, *context.rotation)
        if context.cache is not None:
            key_BGTK, value_BGTK = context.cache.extend(layer, key_BGTK, value_BGTK)
        mixed_BHTK = attend(query_BHTK, key_BGTK, value_BGTK, context.mask)
        output_BTD: Tensor = self.o_proj(mixed_BHTK.transpose(1, 2).reshape(x_BTD.shape))
        return output_BTD


class PreNormBlock(nn.Module):
    """One layer: attention and MLP, each behind its norm and added to the residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = new_norm(config, config.width)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = new_norm(config, config.width)
        self.mlp = MLPS[config.mlp](config)

    def forward(self, x_BTD: Tensor, layer: int, context: _Context) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        mixed_BTD = self.self_attn(self.input_layernorm(x_BTD), layer, context)
        x_BTD = x_BTD + context.dropped(mixed_BTD, layer=layer, place=1)
        thought_BTD = self.mlp(self.post_attention_layernorm(x_BTD))
        return x_BTD + context.dropped(thought_BTD, layer=layer, place=2)


class PostNormBlock(nn.Module):
    """One layer as in the first transformer (arXiv:1706.03762): the norms stand behind the sums."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.post_attention_layernorm = new_norm(config, config.width)
        self.mlp = MLPS[config.mlp](config)
        self.post_feedforward_layernorm = new_norm(config, config.width)

    def forward(self, x_BTD: Tensor, layer: int, context: _Context) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        mixed_BTD = self.self_attn(x_BTD, layer, context)
        mixed_BTD = context.dropped(mixed_BTD, layer=layer, place=1)
        x_BTD = self.post_attention_layernorm(x_BTD + mixed_BTD)
        thought_BTD = self.mlp(x_BTD)
        thought_BTD = context.dropped(thought_BTD, layer=layer, place=2)
        output_BTD: Tensor = self.post_feedforward_layernorm(x_BTD + thought_BTD)
        return output_BTD


BLOCKS: dict[str, type[nn.Module]] = {"pre": PreNormBlock, "post": PostNormBlock}


def run_block(block: nn.Module, x_BTD: Tensor, layer: int, context: _Context) -> Tensor:
    """(B, T, D) to (B, T, D): the block's pass, as a function that can be compiled for all of them."""
    output_BTD: Tensor = block(x_BTD, layer, context)
    return output_BTD


RunBlock = Callable[[nn.Module, Tensor, int, _Context], Tensor]


class Decoder(nn.Module):
    """Embeddings, blocks and the final norm: everything but the head. Post-norm blocks end in a norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.width)
        self.embed_positions = POSITIONS[config.positions](config)
        self.layers = nn.ModuleList(BLOCKS[config.norm_place](config) for _ in range(config.num_layers))
        self.norm = new_norm(config, config.width) if config.norm_place == "pre" else nn.Identity()
        self.gradient_checkpointing = False  # true: a backward pass runs each block again, for less memory
        self.run_block: RunBlock = run_block  # in passes that learn; compiling.py puts a compiled one here

    def forward(self, tokens_BT: Tensor, context: _Context) -> Tensor:
        """(B, T) ids to (B, T, D) after the last norm."""
        x_BTD = self.embed_positions(self.embed_tokens(tokens_BT), context.start)
        x_BTD = context.dropped(x_BTD, layer=0, place=0)
        learning = torch.is_grad_enabled()
        run = self.run_block if learning else run_block
        for layer, block in enumerate(self.layers):
            if self.gradient_checkpointing and learning:
                x_BTD = checkpoint(run, block, x_BTD, layer, context, use_reentrant=False)
            else:
                x_BTD = run(block, x_BTD, layer, context)
        final_BTD: Tensor = self.norm(x_BTD)
        return final_BTD


class Transformer(nn.Module):
    """A decoder with a language-model head; initialization.py gives a new one its weights."""

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
        self,
        tokens_BT: Tensor,
        documents_BT: Tensor | None = None,
        cache: KeyValueCache | None = None,
        dropout_keys_B: Tensor | None = None,
    ) -> Tensor:
        """The final hidden state of every token, (B, T, D).

        `documents_BT` numbers the document that each token belongs to: a token sees only its own, unless the
        config lets attention cross documents. With `cache`, the tokens continue those already in it. Entries
        are dropped only when `dropout_keys_B` (see dropout.py) says which. ValueError beyond `context_tokens`
        positions.
        """
        config = self.config
        start = cache.length if cache is not None else 0
        end = start + tokens_BT.shape[1]
        if end > config.context_tokens:
            raise ValueError(f"{end} tokens; the model's context is {config.context_tokens}")
        documents_BT = documents_BT if config.document_attention else None
        device, window = tokens_BT.device, config.sliding_window_tokens
        visible_BTS = visibility(start, end, documents_BT, window=window, device=device)
        causal = documents_BT is None and window is None and start == 0
        dropout = None
        if dropout_keys_B is not None and config.dropout > 0:
            dropout = Dropout(config.dropout, dropout_keys_B)
        context = _Context(
            start,
            rotation(config, start, end, device=device),
            attention_mask(visible_BTS, batch=tokens_BT.shape[0], heads=config.num_heads, causal=causal),
            cache,
            dropout,
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
