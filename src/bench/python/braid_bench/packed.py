"""Modules of torch with packed weights, and without the steps that only training needs. Start at `pack`.

Dimension letters: R rows, S and T padded tokens, D hidden size.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.ao import quantization
from torch.nn import functional as F


def pack(module: nn.Module, linear: type[Linear], attention: type[Attention]) -> None:
    """Replaces the parts of a module that have Linears, by Linears and attentions of these kinds."""
    for name, part in module.named_children():
        if isinstance(part, nn.TransformerEncoder):
            setattr(module, name, Encoder(part, linear, attention))
        elif isinstance(part, nn.MultiheadAttention):
            setattr(module, name, attention(part, linear))
        elif isinstance(part, nn.Linear):
            setattr(module, name, linear(part.weight, part.bias))
        else:
            pack(part, linear, attention)


class Linear(nn.Module):
    """A Linear as it is."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = weight.detach(), bias.detach()

    def forward(self, x: Tensor, activation: str = "none") -> Tensor:
        x = F.linear(x, self.weight, self.bias)
        return x if activation == "none" else cast(Tensor, getattr(F, activation)(x))

    def added(self, x: Tensor, residual: Tensor) -> Tensor:
        """What it makes of `x`, added to the residual."""
        return cast(Tensor, self(x)) + residual


class OneDnnLinear(Linear):
    """In oneDNN's own layout, activation and residual included: what torch runs in a frozen, compiled model."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__(torch.ops.mkldnn._reorder_linear_weight(weight.detach()), bias)

    def forward(self, x: Tensor, activation: str = "none") -> Tensor:
        exact = "none" if activation == "gelu" else ""  # of gelu's approximations
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, activation, [], exact))

    def added(self, x: Tensor, residual: Tensor) -> Tensor:
        pointwise = torch.ops.mkldnn._linear_pointwise.binary
        return cast(Tensor, pointwise(x, residual, self.weight, self.bias, "add"))


class Int8Linear(Linear):
    """In torch's dynamic quantisation."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__(weight, bias)
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": self.weight, "bias": self.bias})
        (self.quantized,) = cast(Any, quantization).quantize_dynamic(nn.Sequential(linear), {nn.Linear})

    def forward(self, x: Tensor, activation: str = "none") -> Tensor:
        x = self.quantized(x)
        return x if activation == "none" else cast(Tensor, getattr(F, activation)(x))


class Attention(nn.Module):
    """`nn.MultiheadAttention`, batch first and without its shares."""

    batch_first = True

    def __init__(self, attention: Any, linear: type[Linear]) -> None:
        super().__init__()
        self.heads, size = attention.num_heads, attention.embed_dim
        weight, bias = attention.in_proj_weight, attention.in_proj_bias
        self.query_key_value = linear(weight, bias)
        self.query, self.key_value = linear(weight[:size], bias[:size]), linear(weight[size:], bias[size:])
        self.output = linear(attention.out_proj.weight, attention.out_proj.bias)

    def context(self, query: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """Maps query [R, S, D] and memory [R, T, D] to the heads' outputs [R, S, D]; the mask is that of `real`."""
        if query is memory:
            parts = self.query_key_value(query).chunk(3, dim=2)
        else:
            parts = self.query(query), *self.key_value(memory).chunk(2, dim=2)
        q, k, v = (x.unflatten(2, (self.heads, -1)).transpose(1, 2) for x in parts)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None, **_: object
    ) -> tuple[Tensor, None]:
        return self.output(self.context(query, key, real(key_padding_mask))), None


class OnnxAttention(Attention):
    """For export: self-attention as an operator of ONNX Runtime, its projections included."""

    def context(self, query: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        if query is not memory:
            return super().context(query, memory, mask)
        real_tokens = None if mask is None else mask[:, 0, 0].int()
        inputs = query, self.query_key_value.weight.T, self.query_key_value.bias, real_tokens
        heads = {"num_heads": self.heads}
        operator = "com.microsoft::Attention"
        return torch.onnx.ops.symbolic(operator, inputs, heads, dtype=query.dtype, shape=query.shape, version=1)


class Encoder(nn.Module):
    """`nn.TransformerEncoder`, batch first."""

    def __init__(self, encoder: nn.TransformerEncoder, linear: type[Linear], attention: type[Attention]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(layer, linear, attention) for layer in encoder.layers)
        self.norm = encoder.norm or nn.Identity()

    def forward(self, x: Tensor, src_key_padding_mask: Tensor | None = None) -> Tensor:
        mask = real(src_key_padding_mask)
        for layer in self.layers:
            x = layer(x, mask)
        return cast(Tensor, self.norm(x))


class Layer(nn.Module):
    """`nn.TransformerEncoderLayer`."""

    def __init__(self, layer: Any, linear: type[Linear], attention: type[Attention]) -> None:
        super().__init__()
        self.attention = attention(layer.self_attn, linear)
        self.linear1 = linear(layer.linear1.weight, layer.linear1.bias)
        self.linear2 = linear(layer.linear2.weight, layer.linear2.bias)
        self.norm1, self.norm2, self.norm_first = layer.norm1, layer.norm2, layer.norm_first
        self.activation = layer.activation.__name__

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        normed = self.norm1(x) if self.norm_first else x
        x = self.attention.output.added(self.attention.context(normed, normed, mask), x)
        x = x if self.norm_first else self.norm1(x)
        normed = self.norm2(x) if self.norm_first else x
        x = self.linear2.added(self.linear1(normed, self.activation), x)
        return x if self.norm_first else cast(Tensor, self.norm2(x))


def real(padding: Tensor | None) -> Tensor | None:
    """From padding [R, T], true where a token is none, to the mask of attention [R, 1, 1, T], true where one is."""
    return None if padding is None else ~padding[:, None, None, :]
