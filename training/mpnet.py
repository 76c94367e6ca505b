"""MPNet's forward pass over passage and types packed side by side.

The layers and weights are those of transformers; its own forward pass is not used because it
counts distances over the whole sequence, while here positions begin anew in every segment, and
because it does not use PyTorch's fused attention.

Source: Song et al. 2020, arXiv:2004.09297; relative positions as in T5 (arXiv:1910.10683).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import MPNetModel

FIRST_POSITION = 2
"""Position embeddings 0 and 1 stand for nothing and for padding."""


def mpnet_states(model: MPNetModel, embedded: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
    """Last hidden states, shape (batch, length, hidden).

    Args:
        embedded: Word embeddings, shape (batch, length, hidden).
        positions: From 0 in every segment, shape (batch, length).
        mask: Added to attention scores, shape (batch, 1, length, length).
    """
    embeddings, encoder = model.embeddings, model.encoder
    states: Tensor = embedded + embeddings.position_embeddings(positions + FIRST_POSITION)
    states = embeddings.dropout(embeddings.LayerNorm(states))
    distances = positions.unsqueeze(1) - positions.unsqueeze(2)
    buckets = encoder.relative_position_bucket(distances)
    bias = encoder.relative_attention_bias(buckets).permute(0, 3, 1, 2).to(states.dtype)
    bias = bias + mask
    for layer in encoder.layer:
        attended = _attend(layer.attention, states, bias)
        states = layer.output(layer.intermediate(attended), attended)
    return states


def _attend(attention: Any, states: Tensor, bias: Tensor) -> Tensor:
    inner = attention.attn
    heads = (*states.shape[:-1], inner.num_attention_heads, inner.attention_head_size)
    query, key, value = (
        projection(states).view(heads).transpose(1, 2) for projection in (inner.q, inner.k, inner.v)
    )
    share = inner.dropout.p if attention.training else 0.0
    mixed = nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=bias.to(query.dtype), dropout_p=share
    )
    output = inner.o(mixed.transpose(1, 2).flatten(2))
    normed: Tensor = attention.LayerNorm(attention.dropout(output) + states)
    return normed
