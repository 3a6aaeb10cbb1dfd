"""Sizes of models and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from braid_bench.arrays import Ints

#: Text tokens of a row: all alike, or uniform between the bounds of `Shape.ragged_text_tokens`.
Text = Literal["dense", "ragged"]
TEXTS: tuple[Text, ...] = ("dense", "ragged")


@dataclass(frozen=True)
class Modality:
    """A feature sequence: its column and its width."""

    name: str
    feature_size: int


@dataclass(frozen=True)
class Shape:
    """A post-norm relu `nn.TransformerEncoder` over visual and text tokens, and the rows that it is fed."""

    visual_size: int
    text_size: int
    hidden_size: int
    heads: int
    layers: int
    intermediate_size: int
    visual_tokens: int
    text_tokens: int
    ragged_text_tokens: tuple[int, int]

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """In token order."""
        return Modality("visual", self.visual_size), Modality("text", self.text_size)

    @property
    def tokens(self) -> int:
        """Tokens of a dense row."""
        return self.visual_tokens + self.text_tokens

    @property
    def row_bytes(self) -> int:
        """Bytes of the longest row's features as float32."""
        longest = max(self.text_tokens, *self.ragged_text_tokens)
        return 4 * (self.visual_tokens * self.visual_size + longest * self.text_size)

    def lengths(self, text: Text, rows: int, random: np.random.Generator) -> list[Ints]:
        """Tokens of each modality, [rows]."""
        shortest, longest = self.ragged_text_tokens if text == "ragged" else (self.text_tokens, self.text_tokens)
        return [np.full(rows, self.visual_tokens), random.integers(shortest, longest, rows, endpoint=True)]

    def config(self) -> dict[str, Any]:
        """What `config.json` says."""
        return {
            "model_type": "fusion_encoder",
            "modalities": [{"name": m.name, "feature_size": m.feature_size} for m in self.modalities],
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate_size,
            "hidden_act": "relu",
            "layer_norm_eps": 1e-5,
            "pooling": "mean",
        }


#: The shape that is compared: 49 visual tokens of 2048 numbers and 32 text tokens of 768, half a megabyte a row.
COMPARED = Shape(2048, 768, 256, 8, 2, 1024, 49, 32, (4, 64))

#: One vector of 512 numbers per modality: rows of 4 KB, for the same model.
VECTORS = Shape(512, 512, 256, 8, 2, 1024, 1, 1, (1, 1))

#: The shapes that are compared, as results spell them.
SHAPES = {"(ii)": COMPARED, "(vi)": VECTORS}

#: Rows of a few hundred bytes and a model that is small beside them, to fuse very many.
SMALL = Shape(32, 16, 32, 2, 1, 64, 2, 4, (1, 8))
