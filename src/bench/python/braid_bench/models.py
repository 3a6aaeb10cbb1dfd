"""What a model is, and the module that most of them have. `catalogue` lists the models; `streams` holds the other modules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import braid

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Tokens of a modality: the same number in every row (dense), or uniform between the bounds of `Modality.ragged`.
Text = Literal["dense", "ragged"]

SEED = 20170612


@dataclass(frozen=True)
class Modality:
    """A feature sequence; its name is its column's.

    tokens: in every row of a dense table.
    ragged: the least and the most tokens in a ragged table; None if they are the same as in a dense one.
    box_size: numbers of the box that follows each token's features.
    """

    name: str
    feature_size: int
    tokens: int
    ragged: tuple[int, int] | None = None
    box_size: int = 0

    @property
    def token_size(self) -> int:
        return self.feature_size + self.box_size

    def __str__(self) -> str:
        ragged = f" ({self.ragged[0]} to {self.ragged[1]} in ragged rows)" if self.ragged else ""
        return f"{self.tokens}{ragged} {self.name} token{'s' if self.tokens > 1 else ''} of {self.token_size}"

    def lengths(self, text: Text, rows: int, random: np.random.Generator) -> Ints:
        """The tokens of each row."""
        bounds = self.ragged if self.ragged and text == "ragged" else (self.tokens, self.tokens)
        return random.integers(*bounds, rows, endpoint=True)


@dataclass(frozen=True)
class Model:
    """A Linear per modality, and an `nn.TransformerEncoder` over all tokens, visual ones first; rows become their means.

    rows: of one pass of the encoder over a dense table, which then takes one to ten seconds on one core.
    """

    modalities: tuple[Modality, Modality]
    hidden_size: int
    heads: int
    layers: int
    intermediate_size: int
    activation: Literal["relu", "gelu"] = "relu"
    norm_first: bool = False
    rows: int = 256

    def __str__(self) -> str:
        sizes = f"hidden size {self.hidden_size}, {self.heads} heads, {self.depth}{', pre-norm' if self.norm_first else ''}"
        return f"{sizes}, feed-forward {self.intermediate_size}, {self.activation}; {', '.join(map(str, self.modalities))}"

    @property
    def depth(self) -> str:
        return f"{self.layers} layer{'s' if self.layers > 1 else ''}"

    @property
    def texts(self) -> tuple[Text, ...]:
        """The kinds of tables that differ for this model."""
        return ("dense", "ragged") if any(m.ragged for m in self.modalities) else ("dense",)

    @property
    def tokens(self) -> int:
        """Of a dense row."""
        return sum(m.tokens for m in self.modalities)

    @property
    def row_bytes(self) -> int:
        """Of the longest row's features as float32."""
        longest = (max(m.tokens, m.ragged[1] if m.ragged else 0) for m in self.modalities)
        return 4 * sum(m.token_size * tokens for m, tokens in zip(self.modalities, longest, strict=True))

    def module(self) -> nn.Module:
        """The PyTorch module for inference, with the same random weights at every call."""
        torch.manual_seed(SEED)
        module = self.new_module()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))  # so that norms and biases are not ones and zeros
        return module.eval()

    def new_module(self) -> nn.Module:
        return FusionModule(self)

    def export(self, directory: Path) -> None:
        """Writes the module as the directory that Braid reads."""
        random = partial(torch.randn, generator=torch.Generator().manual_seed(SEED))
        sample = {m.name: [random(min(n, m.tokens), m.feature_size) for n in (3, 1, 2)] for m in self.modalities}
        braid.export(self.module(), directory, sample, pooling="mean")


class FusionModule(nn.Module):
    """The module of a `Model`."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.extractors = nn.ModuleList(nn.Linear(m.feature_size, model.hidden_size) for m in model.modalities)
        layer = nn.TransformerEncoderLayer(
            model.hidden_size,
            model.heads,
            model.intermediate_size,
            activation=model.activation,
            batch_first=True,
            norm_first=model.norm_first,
        )
        norm = nn.LayerNorm(model.hidden_size) if model.norm_first else None
        self.encoder = nn.TransformerEncoder(layer, model.layers, norm, enable_nested_tensor=not model.norm_first)

    def forward(self, visual: Tensor, text: Tensor, padding: Tensor | None = None) -> Tensor:
        """Maps features, [rows, tokens, feature size], to fused tokens, [rows, all tokens, hidden size].

        padding: [rows, all tokens], true where a token is none; None where all are.
        """
        x = torch.cat([linear(part) for linear, part in zip(self.extractors, (visual, text), strict=True)], dim=1)
        return cast(Tensor, self.encoder(x, src_key_padding_mask=padding))
