"""The seed's fusion model in PyTorch, with torch's encoder layer or the seed's own. Start at `FusionModule`.

Dimension letters: P rows, S tokens of a row, D hidden size.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from golden_cases import Case

#: The seed module names its extractors after these words; any other modality uses its own name.
EXTRACTOR_WORDS = {"text": "textual"}


class Extractor(nn.Module):
    """Projects one modality's features [S, feature size] to [S, D]."""

    def __init__(self, feature_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        self.model_net = nn.Linear(feature_size, hidden_size, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.model_net(features))


class SelfAttention(nn.Module):
    """The seed's attention: query, key and value projections, and no output projection."""

    def __init__(self, hidden_size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = 1.0 / math.sqrt(hidden_size // heads)
        self.query_proj = nn.Linear(hidden_size, hidden_size)
        self.key_proj = nn.Linear(hidden_size, hidden_size)
        self.value_proj = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        """Maps x [P, S, D] to [P, S, D]; `padding` [P, S] is true where a position is to be ignored."""
        query = split_heads(self.query_proj(x), self.heads)
        key = split_heads(self.key_proj(x), self.heads)
        value = split_heads(self.value_proj(x), self.heads)
        logits = query @ key.transpose(-2, -1) * self.scale
        if padding is not None:
            logits = logits.masked_fill(padding[:, None, None, :], -math.inf)
        return (torch.softmax(logits, dim=-1) @ value).transpose(1, 2).flatten(2)


class SeedLayer(nn.Module):
    """The seed's from-scratch encoder layer: attention, residual and norm, feed-forward of 4 D, residual and norm."""

    def __init__(self, hidden_size: int, heads: int, layer_norm_eps: float) -> None:
        super().__init__()
        self.self_attention = SelfAttention(hidden_size, heads)
        self.feed_forward_network = nn.Sequential(
            nn.Linear(hidden_size, 4 * hidden_size), nn.ReLU(), nn.Linear(4 * hidden_size, hidden_size)
        )
        self.norm1 = nn.LayerNorm(hidden_size, layer_norm_eps)
        self.norm2 = nn.LayerNorm(hidden_size, layer_norm_eps)

    def forward(self, x: Tensor, src_key_padding_mask: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.self_attention(x, src_key_padding_mask))
        return cast(Tensor, self.norm2(x + self.feed_forward_network(x)))


class SeedEncoder(nn.Module):
    """A stack of the seed's own layers."""

    def __init__(self, layers: list[SeedLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


class FusionModule(nn.Module):
    """The seed's fusion model: a Linear per modality, concatenation in the config's order, one shared encoder."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.names = [modality.name for modality in case.modalities]
        if case.projected:
            for modality in case.modalities:
                extractor = Extractor(modality.feature_size, case.hidden_size, modality.bias)
                self.add_module(extractor_name(modality.name), extractor)
        self.transformer_encoder = build_encoder(case)

    @property
    def layers(self) -> list[nn.Module]:
        encoder = self.transformer_encoder
        return [encoder] if isinstance(encoder, SeedLayer) else list(cast(nn.ModuleList, encoder.layers))

    def tokens(self, features: list[Tensor]) -> Tensor:
        """Projects the features, each [P, S of the modality, feature size], and concatenates them to [P, S, D]."""
        extractors = dict(self.named_children())
        projections = [extractors.get(extractor_name(name), nn.Identity()) for name in self.names]
        return torch.cat([projection(x) for projection, x in zip(projections, features, strict=True)], dim=1)

    def forward(self, features: list[Tensor], padding: Tensor | None = None) -> list[Tensor]:
        """Returns the output of every layer, each [P, S, D]; the last is the fused representation."""
        x = self.tokens(features)
        outputs = []
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padding)
            outputs.append(x)
        return outputs


def extractor_name(modality: str) -> str:
    return f"{EXTRACTOR_WORDS.get(modality, modality)}_extractor"


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Maps [P, S, D] to [P, heads, S, D / heads]."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(-3, -2)


def build_encoder(case: Case) -> nn.Module:
    if case.own_layer:
        own = [SeedLayer(case.hidden_size, case.heads, case.layer_norm_eps) for _ in range(case.layers)]
        return own[0] if case.single_layer else SeedEncoder(own)
    layer = nn.TransformerEncoderLayer(
        case.hidden_size,
        case.heads,
        dim_feedforward=case.intermediate_size,
        activation=case.hidden_act,
        layer_norm_eps=case.layer_norm_eps,
        batch_first=True,
        bias=case.layer_bias,
    )
    return nn.TransformerEncoder(layer, case.layers, enable_nested_tensor=False)
