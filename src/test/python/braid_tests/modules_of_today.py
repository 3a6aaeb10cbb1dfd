"""Encoders of today, small and with random weights: gates, RMSNorm, rotations, grouped keys. Start at `MODULES_OF_TODAY`."""

from __future__ import annotations

import math
from typing import Any, Callable

import torch
import transformers
from modules import HIDDEN, TEXT, VISUAL, Sample, encoder, pair
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = 4

LLAMA: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 36,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": 2,
    "vocab_size": 9,
    "max_position_embeddings": 64,
    "rope_theta": 250.0,
    **{f"{token}_token_id": 0 for token in ("pad", "bos", "eos", "mask")},
    "attn_implementation": "eager",
}


class Projected(nn.Module):
    """A Linear per modality; subclasses say what runs over their tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)

    def fuse(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.fuse(torch.cat([self.text(text), self.visual(visual)], 1))


class HuggingFace(Projected):
    """A model of transformers that takes embeddings."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def fuse(self, x: Tensor) -> Tensor:
        return self.model(inputs_embeds=x).last_hidden_state


def eurobert() -> nn.Module:
    return HuggingFace(transformers.EuroBertModel(transformers.EuroBertConfig(**LLAMA)))


def llama() -> nn.Module:
    return HuggingFace(transformers.LlamaModel(transformers.LlamaConfig(**LLAMA)))


class Scale(nn.Module):
    """Root mean square normalisation as many write it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))
        self.small = 1e-6

    def forward(self, x: Tensor) -> Tensor:
        return x / (x.pow(2).mean(-1, keepdim=True) + self.small).sqrt() * self.weight


class Rotary(nn.Module):
    """Attention with neighbours as rotated pairs, fewer heads of keys and no biases."""

    def __init__(self) -> None:
        super().__init__()
        self.n_heads = HEADS
        self.wq, self.wo = (nn.Linear(HIDDEN, HIDDEN, bias=False) for _ in range(2))
        self.wk, self.wv = (nn.Linear(HIDDEN, HIDDEN // HEADS, bias=False) for _ in range(2))

    def turned(self, x: Tensor) -> Tensor:
        size = x.shape[-1]
        angles = torch.outer(torch.arange(x.shape[-2]), 1 / 10_000 ** (torch.arange(0, size, 2) / size))
        turned = torch.view_as_complex(x.unflatten(-1, (-1, 2))) * torch.polar(torch.ones_like(angles), angles)
        return torch.view_as_real(turned).flatten(-2)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            linear(x).unflatten(-1, (-1, HIDDEN // HEADS)).transpose(1, 2) for linear in (self.wq, self.wk, self.wv)
        )
        key, value = self.turned(key).expand_as(query), value.expand_as(query)
        return self.wo(F.scaled_dot_product_attention(self.turned(query), key, value).transpose(1, 2).flatten(2))


class FusedGate(nn.Module):
    """A feed-forward whose first Linear gives the gate and what it is multiplied with."""

    def __init__(self) -> None:
        super().__init__()
        self.w12, self.w3 = nn.Linear(HIDDEN, 2 * 20, bias=False), nn.Linear(20, HIDDEN, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.w12(x).chunk(2, -1)
        return self.w3(F.silu(gate) * up)


class RotaryBlock(nn.Module):
    """The norms are made in another order than they run."""

    def __init__(self) -> None:
        super().__init__()
        self.ffn_norm, self.attention_norm = Scale(), Scale()
        self.attention, self.ffn = Rotary(), FusedGate()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.ffn(self.ffn_norm(x))


class OwnBlocks(Projected):
    def __init__(self, block: Callable[[], nn.Module], last: nn.Module | None = None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(block() for _ in range(2))
        self.last = last

    def fuse(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.last is None else self.last(x)


class GatedTorchBlock(nn.Module):
    """nn.MultiheadAttention with a GeGLU of as many numbers as the hidden size, post-norm."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(HIDDEN, HEADS, batch_first=True)
        self.linear1, self.linear2, self.linear3 = (nn.Linear(HIDDEN, HIDDEN) for _ in range(3))
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.self_attn(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.linear2(F.gelu(self.linear1(x)) * self.linear3(x)))


class Positions(Projected):
    """One table over the concatenated tokens: learned, or of sinusoids."""

    def __init__(self, learned: bool) -> None:
        super().__init__()
        self.mixer = encoder(1)
        self.table = nn.Parameter(torch.zeros(1, 14, HIDDEN)) if learned else None
        frequencies = torch.exp(torch.arange(0, HIDDEN, 2) * (-math.log(10_000) / HIDDEN))
        angles = torch.arange(14)[:, None] * frequencies
        self.register_buffer("pe", torch.stack([angles.sin(), angles.cos()], 2).reshape(1, 14, HIDDEN))

    def fuse(self, x: Tensor) -> Tensor:
        table: Any = self.pe if self.table is None else self.table
        return self.mixer(x + table[:, : x.shape[1]])


class EachPositions(Positions):
    """Sinusoids by the position in each modality."""

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        pe: Any = self.pe
        tokens = [self.visual(visual) + pe[:, : visual.shape[1]], self.text(text) + pe[:, : text.shape[1]]]
        return self.mixer(torch.cat(tokens, 1))


Named = Callable[[Any], dict[str, Any]]

#: By name: what builds the module, its sample, and the named parts of `export`.
MODULES_OF_TODAY: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample], Named]] = {
    "eurobert": (eurobert, pair, lambda m: {}),
    "rotary-blocks": (lambda: OwnBlocks(RotaryBlock, Scale()), pair, lambda m: {"final_layer_norm": m.last}),
    "gated-torch-blocks": (lambda: OwnBlocks(GatedTorchBlock), pair, lambda m: {}),
    "concatenated-positions": (lambda: Positions(True), pair, lambda m: {"position_embeddings": m.table}),
    "sinusoids": (lambda: Positions(False), pair, lambda m: {}),
    "sinusoids-of-each": (lambda: EachPositions(False), pair, lambda m: {}),
}
