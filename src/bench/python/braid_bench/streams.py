"""Models of two streams that attend to each other.

A module maps features of both modalities and the padding of all tokens to the tokens of both streams, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from braid_bench.models import Model


@dataclass(frozen=True)
class TwoStreams(Model):
    """A Linear per modality, then an `nn.TransformerDecoder` per stream, whose memory is the other modality."""

    @property
    def depth(self) -> str:
        return f"{super().depth} per stream"

    def new_module(self) -> nn.Module:
        return TwoStreamModule(self)


class TwoStreamModule(nn.Module):
    def __init__(self, model: TwoStreams) -> None:
        super().__init__()
        self.extractors = nn.ModuleList(nn.Linear(m.feature_size, model.hidden_size) for m in model.modalities)
        sizes = model.hidden_size, model.heads, model.intermediate_size
        layer = nn.TransformerDecoderLayer(*sizes, activation=model.activation, batch_first=True)
        self.visual, self.text = (nn.TransformerDecoder(layer, model.layers) for _ in model.modalities)

    def forward(self, visual: Tensor, text: Tensor, padding: Tensor | None = None) -> Tensor:
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
    def depth(self) -> str:
        return f"{self.language_layers} language, {self.vision_layers} vision and {self.layers} cross-modality layers"

    def new_module(self) -> nn.Module:
        return LxmertModule(self)

    def export(self, directory: Path) -> None:
        cast(LxmertModule, self.module()).library.save_pretrained(directory)


class LxmertModule(nn.Module):
    """Text tokens, then visual ones, whose features end with a box."""

    def __init__(self, model: Lxmert) -> None:
        from transformers import LxmertConfig, LxmertModel  # takes seconds, which other models need not wait for

        super().__init__()
        visual = model.modalities[1]
        self.feature_size = visual.feature_size
        config = LxmertConfig(
            hidden_size=model.hidden_size,
            num_attention_heads=model.heads,
            intermediate_size=model.intermediate_size,
            hidden_act=model.activation,
            l_layers=model.language_layers,
            r_layers=model.vision_layers,
            x_layers=model.layers,
            visual_feat_dim=visual.feature_size,
            visual_pos_dim=visual.box_size,
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
