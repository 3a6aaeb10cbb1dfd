"""Models of two streams that attend to each other.

A module maps features of both modalities and the padding of all tokens to the tokens of both streams, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from braid_bench.models import Ints, Modality, Model


@dataclass(frozen=True)
class TwoStreams(Model):
    """A Linear per modality, then `nn.TransformerDecoder` twice: text that attends to visual tokens, and the reverse."""

    @property
    def layer_counts(self) -> str:
        return f"{self.layers} layers of each stream"

    def new_module(self, nested: bool) -> nn.Module:
        return TwoStreamModel(self)

    def linears(self, tokens: list[int]) -> list[tuple[int, int, int]]:
        hidden, inner = self.hidden_size, self.intermediate_size
        of_layer = [(hidden, 3 * hidden), (hidden, hidden)]  # self-attention
        of_layer += [(hidden, hidden), (hidden, 2 * hidden), (hidden, hidden)]  # query, the others' keys and values, output
        of_layer += [(hidden, inner), (inner, hidden)]
        projections = [(m.feature_size, hidden, n) for m, n in zip(self.modalities, tokens, strict=True)]
        return projections + [(*size, self.layers * sum(tokens)) for size in of_layer]


class TwoStreamModel(nn.Module):
    """The module of `TwoStreams`."""

    def __init__(self, model: TwoStreams) -> None:
        super().__init__()
        self.extractors = nn.ModuleList(nn.Linear(m.feature_size, model.hidden_size) for m in model.modalities)
        self.visual, self.text = (
            nn.TransformerDecoder(
                nn.TransformerDecoderLayer(
                    model.hidden_size,
                    model.heads,
                    model.intermediate_size,
                    activation=model.activation,
                    batch_first=True,
                ),
                model.layers,
            )
            for _ in model.modalities
        )

    def forward(self, visual: Tensor, text: Tensor, padding: Tensor | None = None) -> Tensor:
        """Maps features, [rows, tokens, feature size], to fused tokens, [rows, all tokens, hidden size]."""
        x, y = (linear(part) for linear, part in zip(self.extractors, (visual, text), strict=True))
        of_x, of_y = split(padding, visual)
        fused = (
            self.visual(x, y, tgt_key_padding_mask=of_x, memory_key_padding_mask=of_y),
            self.text(y, x, tgt_key_padding_mask=of_y, memory_key_padding_mask=of_x),
        )
        return torch.cat(fused, dim=1)


@dataclass(frozen=True)
class Lxmert(Model):
    """LXMERT of transformers on embedded text, on visual features and their boxes; `layers` are the cross-modality ones."""

    language_layers: int = 9
    vision_layers: int = 5

    @property
    def modalities(self) -> tuple[Modality, Modality]:
        return self.text, self.visual

    @property
    def layer_counts(self) -> str:
        return f"{self.language_layers} language, {self.vision_layers} vision and {self.layers} cross-modality layers"

    def new_module(self, nested: bool) -> nn.Module:
        return LxmertTokens(self)

    def export(self, directory: Path) -> None:
        cast(LxmertTokens, self.module()).library.save_pretrained(directory)

    def linears(self, tokens: list[int]) -> list[tuple[int, int, int]]:
        hidden, inner = self.hidden_size, self.intermediate_size
        attention = [(hidden, 3 * hidden), (hidden, hidden)]
        of_layer = [*attention, (hidden, inner), (inner, hidden)]
        text, visual = tokens
        linears = [(self.visual.feature_size, hidden, visual), (self.visual.box_size, hidden, visual)]
        linears += [(*size, self.language_layers * text) for size in of_layer]
        linears += [(*size, self.vision_layers * visual) for size in of_layer]
        return linears + [(*size, self.layers * (text + visual)) for size in [*attention, *of_layer]]

    def pairs(self, lengths: list[Ints]) -> int:
        text, visual = lengths
        return int((self.language_layers * text**2 + self.vision_layers * visual**2).sum()) + super().pairs(lengths)


class LxmertTokens(nn.Module):
    """The module of `Lxmert`: text tokens, then visual ones, whose features end with a box."""

    def __init__(self, model: Lxmert) -> None:
        from transformers import LxmertConfig, LxmertModel  # takes seconds, which other models need not wait for

        super().__init__()
        self.feature_size = model.visual.feature_size
        config = LxmertConfig(
            hidden_size=model.hidden_size,
            num_attention_heads=model.heads,
            intermediate_size=model.intermediate_size,
            hidden_act=model.activation,
            l_layers=model.language_layers,
            r_layers=model.vision_layers,
            x_layers=model.layers,
            visual_feat_dim=model.visual.feature_size,
            visual_pos_dim=model.visual.box_size,
            vocab_size=1,  # the text is embedded
        )
        self.library = LxmertModel(config)

    def forward(self, text: Tensor, visual: Tensor, padding: Tensor | None = None) -> Tensor:
        of_text, of_visual = split(padding, text)
        outputs = self.library(
            inputs_embeds=text,
            attention_mask=None if of_text is None else (~of_text).long(),
            visual_feats=visual[..., : self.feature_size],
            visual_pos=visual[..., self.feature_size :],
            visual_attention_mask=None if of_visual is None else (~of_visual).long(),
        )
        return torch.cat((outputs.language_output, outputs.vision_output), dim=1)


def split(padding: Tensor | None, first: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """The padding [rows, all tokens] of the first modality, [rows, tokens, feature size], and of the second."""
    if padding is None:
        return None, None
    tokens = first.shape[1]
    return padding[:, :tokens], padding[:, tokens:]
