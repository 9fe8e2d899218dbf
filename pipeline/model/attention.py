"""Attention without weights: who sees whom, and the weighted mean.

Shapes: B batch, T tokens, S tokens seen (cached ones included), H query heads, G key/value heads,
        N = B * H, K width of one head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MATMUL_ATTENTION_TOKENS = 512  # up to here two matmuls beat scaled_dot_product_attention on the CPU


def visibility(
    start: int, end: int, documents_BT: Tensor | None, *, window: int | None, device: torch.device
) -> Tensor:
    """Which of the tokens 0..end-1 each of the tokens start..end-1 may see: bool, (B or 1, T, S).

    They are itself and those before it, with `window` only so many in all, with documents only its own.
    ValueError for documents behind cached tokens.
    """
    positions_S = torch.arange(end, device=device)
    seen_TS = positions_S[start:, None] >= positions_S
    if window is not None:
        seen_TS &= positions_S[start:, None] - positions_S < window
    if documents_BT is None:
        return seen_TS[None]
    if start:
        raise ValueError("documents cannot be given together with a filled cache")
    return seen_TS & (documents_BT[:, :, None] == documents_BT[:, None, :])


def attention_mask(visible_BTS: Tensor, *, batch: int, heads: int, causal: bool) -> Tensor | None:
    """The mask in the form of the faster kernel: bool (B or 1, 1, T, S) for the fused one, else a bias.

    Where each token sees itself and all before it (`causal`) the fused one needs no mask, and passes over
    what nobody sees: None. The bias, (B * H or 1, T, S) in the dtype of the products, is 0 where a token is
    seen and minus infinity elsewhere: it is added to the scores of two plain matmuls.
    """
    tokens, seen = visible_BTS.shape[1:]
    device = visible_BTS.device.type
    if device != "cpu" or seen > MATMUL_ATTENTION_TOKENS:
        return None if causal else visible_BTS[:, None]
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
    bias_BTS = torch.zeros(visible_BTS.shape, dtype=dtype).masked_fill_(~visible_BTS, float("-inf"))
    if len(bias_BTS) == 1:
        return bias_BTS
    return bias_BTS[:, None].expand(batch, heads, tokens, seen).reshape(batch * heads, tokens, seen)


def attend(query_BHTK: Tensor, key_BGSK: Tensor, value_BGSK: Tensor, mask: Tensor | None) -> Tensor:
    """Each query's mean of the visible values, weighted by the softmax of its scaled products with the keys.

    `mask` comes from `attention_mask` (None: all before it and itself) and picks the kernel: two matmuls (in
    bf16 2.3 to 3.7 times as fast at 256 tokens on a CPU) or `scaled_dot_product_attention`. Returns
    (B, H, T, K).
    """
    batch, heads, tokens, width = query_BHTK.shape
    repeats = heads // key_BGSK.shape[1]
    if repeats > 1:
        key_BGSK = key_BGSK.repeat_interleave(repeats, dim=1)
        value_BGSK = value_BGSK.repeat_interleave(repeats, dim=1)
    if mask is None or mask.dtype == torch.bool:
        return F.scaled_dot_product_attention(
            query_BHTK, key_BGSK, value_BGSK, attn_mask=mask, is_causal=mask is None
        )
    query_NTK = query_BHTK.reshape(batch * heads, tokens, width)
    key_NKS = key_BGSK.reshape(batch * heads, -1, width).transpose(1, 2)
    scores_NTS = torch.baddbmm(mask, query_NTK, key_NKS, alpha=width**-0.5)
    mixed_NTK = torch.softmax(scores_NTS, dim=-1) @ value_BGSK.reshape(batch * heads, -1, width)
    return mixed_NTK.view(batch, heads, tokens, width)
