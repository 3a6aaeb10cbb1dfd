"""Encoder layers with RMSNorms, gated feed-forwards, rotary positions and grouped keys and values. Start at `Layer`.

Dimension letters: P rows, S tokens of a row, D hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from golden_case import FusionCase

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
}


def build_norm(case: FusionCase) -> nn.Module:
    if case.norm_type == "rms_norm":
        return nn.RMSNorm(case.hidden_size, case.layer_norm_eps)
    return nn.LayerNorm(case.hidden_size, case.layer_norm_eps, bias=case.layer_bias)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Maps [P, S, heads x size] to [P, heads, S, size]."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(-3, -2)


class Rotation(nn.Module):
    """Rotates pairs of each head by the token's position: two neighbours, or one number of each half."""

    def __init__(self, pairs: str, theta: float) -> None:
        super().__init__()
        self.pairs, self.theta = pairs, theta

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Maps heads [P, heads, S, size] at positions [P, S] to the same shape, as products of complex numbers."""
        size = x.shape[-1]
        frequencies = 1.0 / self.theta ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
        angles = positions.float()[:, None, :, None] * frequencies
        turns = torch.polar(torch.ones_like(angles), angles).to(torch.complex128 if x.dtype == torch.float64 else None)
        if self.pairs == "interleaved":
            pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
            return torch.view_as_real(pairs * turns).flatten(-2)
        turned = torch.complex(*x.chunk(2, dim=-1)) * turns
        return torch.cat([turned.real, turned.imag], dim=-1)


class GroupedAttention(nn.Module):
    """Attention whose keys and values may have fewer heads than its queries."""

    def __init__(self, case: FusionCase) -> None:
        super().__init__()
        size = case.hidden_size // case.heads
        self.heads, self.key_heads = case.heads, case.key_value_heads or case.heads
        linear = partial(nn.Linear, case.hidden_size, bias=case.layer_bias)
        self.query_proj = linear(case.hidden_size)
        self.key_proj = linear(self.key_heads * size)
        self.value_proj = linear(self.key_heads * size)
        self.out_proj = linear(case.hidden_size)
        self.rotation = Rotation(case.rotary, case.rope_theta) if case.rotary else None

    def forward(self, x: Tensor, padding: Tensor | None, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Maps x [P, S, D] to [P, S, D] and the attention weights [P, heads, S, S]."""
        query = split_heads(self.query_proj(x), self.heads)
        key, value = (split_heads(part(x), self.key_heads) for part in (self.key_proj, self.value_proj))
        if self.rotation is not None:
            query, key = self.rotation(query, positions), self.rotation(key, positions)
        kept = None if padding is None else ~padding[:, None, None, :]
        context = F.scaled_dot_product_attention(query, key, value, kept, enable_gqa=True)
        repeated = key.repeat_interleave(self.heads // self.key_heads, dim=1)
        logits = query @ repeated.transpose(-2, -1) / math.sqrt(query.shape[-1])
        weights = torch.softmax(logits if kept is None else logits.masked_fill(~kept, -math.inf), dim=-1)
        return self.out_proj(context.transpose(1, 2).flatten(2)), weights


class Layer(nn.Module):
    """A layer with torch's names, or those of a SelfAttention module; its norms and feed-forward are the case's."""

    def __init__(self, case: FusionCase) -> None:
        super().__init__()
        self.norm_first = case.norm_first
        self.grouped = bool(case.rotary or case.key_value_heads)
        self.activation = ACTIVATIONS[case.hidden_act]
        d, f, bias = case.hidden_size, case.intermediate_size, case.layer_bias
        if self.grouped:
            self.self_attention = GroupedAttention(case)
        else:
            self.self_attn = nn.MultiheadAttention(d, case.heads, bias=bias, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, f, bias=bias), nn.Linear(f, d, bias=bias)
        self.linear3 = nn.Linear(d, f, bias=bias) if case.gated else None
        self.norm1, self.norm2 = build_norm(case), build_norm(case)

    def attention(self, x: Tensor, padding: Tensor | None, positions: Tensor) -> tuple[Tensor, Tensor]:
        if self.grouped:
            attended, weights = self.self_attention(x, padding, positions)
        else:
            attended, weights = self.self_attn(x, x, x, key_padding_mask=padding, average_attn_weights=False)
        return attended, weights

    def feed_forward(self, x: Tensor) -> Tensor:
        inner = self.activation(self.linear1(x))
        return self.linear2(inner if self.linear3 is None else inner * self.linear3(x))  # type: ignore[no-any-return]

    def forward(self, x: Tensor, padding: Tensor | None, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Maps x [P, S, D] to [P, S, D] and the attention weights [P, heads, S, S]."""
        attended, weights = self.attention(self.norm1(x) if self.norm_first else x, padding, positions)
        if self.norm_first:
            x = x + attended
            return x + self.feed_forward(self.norm2(x)), weights
        x = self.norm1(x + attended)
        return self.norm2(x + self.feed_forward(x)), weights


class LayerStack(nn.Module):
    """Such layers, and a norm after the last one."""

    def __init__(self, case: FusionCase) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(case) for _ in range(case.layers))
        self.norm = build_norm(case) if case.final_norm else None


class PositionalEncoding(nn.Module):
    """Sinusoids [positions, D] as PyTorch's tutorials compute them, in float32."""

    def __init__(self, hidden_size: int, positions: int) -> None:
        super().__init__()
        position = torch.arange(positions).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, hidden_size, 2) * (-math.log(10000.0) / hidden_size))
        pe = torch.zeros(positions, hidden_size)
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe, persistent=False)

    def forward(self, positions: Tensor) -> Tensor:
        """Maps positions [..] to [.., D]."""
        return self.get_buffer("pe")[positions]
