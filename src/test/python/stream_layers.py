"""Layers on streams of tokens: torch's own, and those made of its parts. Start at `run_layer`.

Dimension letters: P rows, S tokens of a row in one stream, D hidden size.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from fusion_layers import ACTIVATIONS
from llama_layers import LlamaLayer
from stream_case import Stack, StreamCase


class CrossAttentionLayer(nn.Module):
    """Attention to another stream, residual and norm; feed-forward, residual and norm where there is one."""

    def __init__(self, case: StreamCase, stack: Stack) -> None:
        super().__init__()
        size, memory = case.size(stack.stream), case.size(stack.memory)
        heads = stack.heads or case.heads
        self.multihead_attn = nn.MultiheadAttention(
            size, heads, kdim=memory, vdim=memory, batch_first=True, bias=stack.bias
        )
        self.norm1 = nn.LayerNorm(size, case.layer_norm_eps)
        self.memory_norm = nn.LayerNorm(memory, case.layer_norm_eps) if stack.memory_norm else None
        self.norm_first = stack.norm_first
        self.activation = ACTIVATIONS[case.hidden_act]
        self.has_feed_forward = stack.intermediate_size > 0
        if self.has_feed_forward:
            self.linear1 = nn.Linear(size, stack.intermediate_size)
            self.linear2 = nn.Linear(stack.intermediate_size, size)
            self.norm2 = nn.LayerNorm(size, case.layer_norm_eps)

    def forward(self, x: Tensor, memory: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
        """Maps x [P, S, D] and the memory to [P, S, D], and to attention weights [P, heads, S, keys]."""
        query = self.norm1(x) if self.norm_first else x
        memory = memory if self.memory_norm is None else self.memory_norm(memory)
        attended, weights = self.multihead_attn(
            query, memory, memory, key_padding_mask=padding, average_attn_weights=False
        )
        x = x + attended if self.norm_first else self.norm1(x + attended)
        if not self.has_feed_forward:
            return x, weights
        inner = self.linear1(self.norm2(x) if self.norm_first else x)
        x = x + self.linear2(self.activation(inner))
        return x if self.norm_first else self.norm2(x), weights


class CrossFirstLayer(nn.Module):
    """Attention to another stream, self-attention, feed-forward, each with residual and norm: LXMERT's order."""

    def __init__(self, case: StreamCase, stack: Stack) -> None:
        super().__init__()
        size, memory = case.size(stack.stream), case.size(stack.memory)
        heads = stack.heads or case.heads
        self.multihead_attn = nn.MultiheadAttention(size, heads, kdim=memory, vdim=memory, batch_first=True)
        self.norm1 = nn.LayerNorm(size, case.layer_norm_eps)
        self.self_attn = nn.MultiheadAttention(size, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(size, case.layer_norm_eps)
        self.linear1 = nn.Linear(size, stack.intermediate_size)
        self.linear2 = nn.Linear(stack.intermediate_size, size)
        self.norm3 = nn.LayerNorm(size, case.layer_norm_eps)
        self.norm_first = stack.norm_first
        self.activation = ACTIVATIONS[case.hidden_act]

    def forward(
        self, x: Tensor, memory: Tensor, padding: Tensor | None, memory_padding: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maps x [P, S, D] and the memory to [P, S, D], and to the weights of both attentions [P, heads, S, keys]."""
        query = self.norm1(x) if self.norm_first else x
        attended, cross = self.multihead_attn(
            query, memory, memory, key_padding_mask=memory_padding, average_attn_weights=False
        )
        x = x + attended if self.norm_first else self.norm1(x + attended)
        query = self.norm2(x) if self.norm_first else x
        attended, own = self.self_attn(query, query, query, key_padding_mask=padding, average_attn_weights=False)
        x = x + attended if self.norm_first else self.norm2(x + attended)
        x = x + self.linear2(self.activation(self.linear1(self.norm3(x) if self.norm_first else x)))
        return x if self.norm_first else self.norm3(x), cross, own


def run_layer(
    layer: nn.Module,
    x: Tensor,
    memory: Tensor,
    padding: Tensor | None,
    memory_padding: Tensor | None,
    positions: Tensor,
) -> tuple[Tensor, list[tuple[Tensor, bool]]]:
    """Runs a layer on x [P, S, D]; returns that, and of each attention the weights and whether it reads the memory."""
    match layer:
        case LlamaLayer():
            return layer(x, memory, padding, memory_padding, positions)  # type: ignore[no-any-return]
        case nn.TransformerEncoderLayer():
            return layer(x, src_key_padding_mask=padding), [(self_attention(layer, x, padding), False)]
        case nn.TransformerDecoderLayer():
            masks = {"tgt_key_padding_mask": padding, "memory_key_padding_mask": memory_padding}
            own = self_attention(layer, x, padding)
            cross = cross_attention(layer, x, memory, padding, memory_padding)
            return layer(x, memory, **masks), [(own, False), (cross, True)]
        case CrossFirstLayer():
            x, cross, own = layer(x, memory, padding, memory_padding)
            return x, [(cross, True), (own, False)]
        case _:
            x, cross = layer(x, memory, memory_padding)
            return x, [(cross, True)]


def self_attention(
    layer: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer, x: Tensor, padding: Tensor | None
) -> Tensor:
    """The weights [P, heads, S, S] of a layer's self-attention on its input x [P, S, D]."""
    x = layer.norm1(x) if layer.norm_first else x
    _, weights = layer.self_attn(x, x, x, key_padding_mask=padding, average_attn_weights=False)
    return cast(Tensor, weights)


def cross_attention(
    layer: nn.TransformerDecoderLayer,
    x: Tensor,
    memory: Tensor,
    padding: Tensor | None,
    memory_padding: Tensor | None,
) -> Tensor:
    """The weights [P, heads, S, keys] of a decoder layer's cross-attention; x [P, S, D] is the layer's input."""
    normed = layer.norm1(x) if layer.norm_first else x
    attended, _ = layer.self_attn(normed, normed, normed, key_padding_mask=padding)
    x = x + attended if layer.norm_first else layer.norm1(x + attended)
    query = layer.norm2(x) if layer.norm_first else x
    _, weights = layer.multihead_attn(
        query, memory, memory, key_padding_mask=memory_padding, average_attn_weights=False
    )
    return cast(Tensor, weights)
