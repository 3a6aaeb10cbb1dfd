"""Layers of Llama's parts on streams: grouped heads, rotary self-attention, cross-attention. Start at `LlamaLayer`.

Dimension letters: P rows, S tokens of a row in one stream, D hidden size.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion_layers import ACTIVATIONS, Rotation, split_heads
from stream_case import Stack, StreamCase


class ProjectedAttention(nn.Module):
    """Attention of queries [P, S, D] to a memory of any size; only self-attention is rotated."""

    def __init__(self, case: StreamCase, stack: Stack, memory: str) -> None:
        super().__init__()
        size, memory_size = case.size(stack.stream), case.size(memory)
        self.heads = stack.heads or case.heads
        self.key_heads = stack.key_value_heads or self.heads
        head_size = size // self.heads
        self.q_proj = nn.Linear(size, size, bias=False)
        key = partial(nn.Linear, memory_size, self.key_heads * head_size, bias=False)
        self.k_proj, self.v_proj = key(), key()
        self.o_proj = nn.Linear(size, size, bias=False)
        rotates = bool(case.rotary) and memory == stack.stream
        self.rotation = Rotation(case.rotary, case.rope_theta) if rotates else None

    def forward(
        self, x: Tensor, memory: Tensor, padding: Tensor | None, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Maps x [P, S, D] to [P, S, D] and the attention weights [P, heads, S, keys]."""
        query = split_heads(self.q_proj(x), self.heads)
        key, value = (split_heads(part(memory), self.key_heads) for part in (self.k_proj, self.v_proj))
        if self.rotation is not None:
            query, key = self.rotation(query, positions), self.rotation(key, positions)
        kept = None if padding is None else ~padding[:, None, None, :]
        context = F.scaled_dot_product_attention(query, key, value, kept, enable_gqa=True)
        repeated = key.repeat_interleave(self.heads // self.key_heads, dim=1)
        logits = query @ repeated.transpose(-2, -1) / math.sqrt(query.shape[-1])
        weights = torch.softmax(logits if kept is None else logits.masked_fill(~kept, -math.inf), dim=-1)
        return self.o_proj(context.transpose(1, 2).flatten(2)), weights


class GatedFeedForward(nn.Module):
    """`down(activation(gate(x)) * up(x))`."""

    def __init__(self, case: StreamCase, stack: Stack) -> None:
        super().__init__()
        size, inner = case.size(stack.stream), stack.intermediate_size
        self.activation = ACTIVATIONS[case.hidden_act]
        self.gate_proj, self.up_proj = nn.Linear(size, inner, bias=False), nn.Linear(size, inner, bias=False)
        self.down_proj = nn.Linear(inner, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class LlamaLayer(nn.Module):
    """Pre-norm self-attention, cross-attention or both, as the stack's kind says, then the feed-forward."""

    def __init__(self, case: StreamCase, stack: Stack) -> None:
        super().__init__()
        norm = partial(nn.RMSNorm, case.size(stack.stream), case.layer_norm_eps)
        self.order = {
            "encoder": ("self_attn",),
            "decoder": ("self_attn", "cross_attn"),
            "cross_first": ("cross_attn", "self_attn"),
            "cross_attention": ("cross_attn",),
        }[stack.kind]
        self.norms = {"self_attn": "input_layernorm", "cross_attn": "cross_attn_layernorm"}
        if stack.kind == "cross_attention":
            self.norms["cross_attn"] = "input_layernorm"
        for name in self.order:
            memory = stack.stream if name == "self_attn" else stack.memory
            self.add_module(name, ProjectedAttention(case, stack, memory))
            self.add_module(self.norms[name], norm())
        self.mlp = GatedFeedForward(case, stack)
        self.post_attention_layernorm = norm()

    def forward(
        self, x: Tensor, memory: Tensor, padding: Tensor | None, memory_padding: Tensor | None, positions: Tensor
    ) -> tuple[Tensor, list[tuple[Tensor, bool]]]:
        """Maps x [P, S, D] to [P, S, D]; of each attention the weights, and whether it reads the memory."""
        found = []
        for name in self.order:
            cross = name == "cross_attn"
            query = self.get_submodule(self.norms[name])(x)
            keys, mask = (memory, memory_padding) if cross else (query, padding)
            attended, weights = self.get_submodule(name)(query, keys, mask, positions)
            x = x + attended
            found.append((weights, cross))
        return x + self.mlp(self.post_attention_layernorm(x)), found


class LlamaStack(nn.Module):
    """Such layers, and a norm."""

    def __init__(self, case: StreamCase, stack: Stack) -> None:
        super().__init__()
        self.layers = nn.ModuleList(LlamaLayer(case, stack) for _ in range(stack.layers))
        self.norm = nn.RMSNorm(case.size(stack.stream), case.layer_norm_eps) if stack.final_norm else None
