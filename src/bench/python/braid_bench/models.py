"""The models that are measured, and the rows that they fuse.

A model of another kind is one more entry of `MODELS`: a subclass of `Model` with its own module; see `streams.py`.
`forms.rivals` names the forms that can run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import braid

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Numbers of text tokens: the same in every row (dense), or uniform between the bounds of `Model.ragged_text` (ragged).
Text = Literal["dense", "ragged"]
TEXTS: tuple[Text, ...] = ("dense", "ragged")

SEED = 20170612


@dataclass(frozen=True)
class Modality:
    """A feature sequence: its column, its width, its tokens in a dense row, and the numbers of a box after each token."""

    name: str
    feature_size: int
    tokens: int
    box_size: int = 0

    @property
    def token_size(self) -> int:
        return self.feature_size + self.box_size


@dataclass(frozen=True)
class Model:
    """A Linear per modality and a post-norm `nn.TransformerEncoder` over visual and text tokens; rows become their means.

    ragged_text: bounds of the text tokens of a ragged row.
    rows: that a pass of the encoder goes through, about a second's worth on one core.
    """

    visual: Modality
    text: Modality
    ragged_text: tuple[int, int]
    hidden_size: int
    heads: int
    layers: int
    intermediate_size: int
    activation: Literal["relu", "gelu"] = "relu"
    rows: int = 256

    @property
    def modalities(self) -> tuple[Modality, Modality]:
        """In token order."""
        return self.visual, self.text

    @property
    def tokens(self) -> int:
        """Of a dense row."""
        return self.visual.tokens + self.text.tokens

    @property
    def layer_counts(self) -> str:
        return f"{self.layers} layers"

    @property
    def row_bytes(self) -> int:
        """Of the longest row's features as float32."""
        longest = max(self.text.tokens, self.ragged_text[1])
        return 4 * (self.visual.tokens * self.visual.token_size + longest * self.text.feature_size)

    def lengths(self, text: Text, rows: int, random: np.random.Generator) -> list[Ints]:
        """Tokens of each modality, [rows]."""
        shortest, longest = self.ragged_text if text == "ragged" else (self.text.tokens, self.text.tokens)
        drawn = random.integers(shortest, longest, rows, endpoint=True)
        return [drawn if m is self.text else np.full(rows, m.tokens) for m in self.modalities]

    def module(self, nested: bool = True) -> nn.Module:
        """The PyTorch module for inference, with the same random weights at every call.

        nested: whether an encoder may pack a padded batch into a nested tensor.
        """
        torch.manual_seed(SEED)
        module = self.new_module(nested)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))  # norms and biases that are not ones and zeros
        return module.eval()

    def new_module(self, nested: bool) -> nn.Module:
        return FusionModel(self, nested)

    def export(self, directory: Path) -> None:
        """Writes the module as the directory that Braid reads."""
        random = partial(torch.randn, generator=torch.Generator().manual_seed(SEED))
        sample = {m.name: [random(min(n, m.tokens), m.feature_size) for n in (3, 1, 2)] for m in self.modalities}
        braid.export(self.module(), directory, sample, pooling="mean")

    def linears(self, tokens: list[int]) -> list[tuple[int, int, int]]:
        """(inputs, outputs, tokens that go through it) of every Linear; `tokens` are those of all rows by modality."""
        hidden, inner = self.hidden_size, self.intermediate_size
        of_layer = [(hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (inner, hidden)]
        projections = [(m.feature_size, hidden, n) for m, n in zip(self.modalities, tokens, strict=True)]
        return projections + [(*size, self.layers * sum(tokens)) for size in of_layer]

    def flops(self, lengths: list[Ints]) -> int:
        """Floating-point operations of all matrix products over the real tokens of rows of these lengths."""
        products = self.linears([int(n.sum()) for n in lengths])
        return 2 * sum(k * n * tokens for k, n, tokens in products) + 4 * self.hidden_size * self.pairs(lengths)

    def pairs(self, lengths: list[Ints]) -> int:
        """Pairs of a query and a key that attention scores, over all layers."""
        return self.layers * int((np.sum(lengths, axis=0) ** 2).sum())


class FusionModel(nn.Module):
    """The module of a `Model`."""

    def __init__(self, model: Model, nested: bool) -> None:
        super().__init__()
        self.extractors = nn.ModuleList(nn.Linear(m.feature_size, model.hidden_size) for m in model.modalities)
        layer = nn.TransformerEncoderLayer(
            model.hidden_size, model.heads, model.intermediate_size, activation=model.activation, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, model.layers, enable_nested_tensor=nested)

    @property
    def layers(self) -> list[Any]:
        return list(self.encoder.layers)

    def forward(self, visual: Tensor, text: Tensor, padding: Tensor | None = None) -> Tensor:
        """Maps features, [rows, tokens, feature size], to fused tokens, [rows, all tokens, hidden size].

        padding: [rows, all tokens], true where a token is none; None where all are.
        """
        x = torch.cat([linear(part) for linear, part in zip(self.extractors, (visual, text), strict=True)], dim=1)
        return cast(Tensor, self.encoder(x, src_key_padding_mask=padding))
