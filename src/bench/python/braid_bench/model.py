"""The model that every contender runs: in PyTorch, and as a directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from braid_bench.shape import Shape

_SEED = 20170612


class Extractor(nn.Module):
    """Projects the features of one modality, [rows, tokens, feature size], to the hidden size."""

    def __init__(self, feature_size: int, hidden_size: int) -> None:
        super().__init__()
        self.model_net = nn.Linear(feature_size, hidden_size)

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.model_net(features))


class FusionModel(nn.Module):
    """A Linear per modality and one post-norm `nn.TransformerEncoder` over the tokens of both.

    nested: whether the encoder may pack a padded batch into a nested tensor.
    """

    def __init__(self, shape: Shape, nested: bool = True) -> None:
        super().__init__()
        self.visual_extractor = Extractor(shape.visual_size, shape.hidden_size)
        self.textual_extractor = Extractor(shape.text_size, shape.hidden_size)
        layer = nn.TransformerEncoderLayer(
            shape.hidden_size, shape.heads, dim_feedforward=shape.intermediate_size, batch_first=True
        )
        self.transformer_encoder = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=nested)

    @property
    def extractors(self) -> tuple[Extractor, Extractor]:
        """In token order."""
        return self.visual_extractor, self.textual_extractor

    @property
    def layers(self) -> list[nn.TransformerEncoderLayer]:
        return [cast(nn.TransformerEncoderLayer, layer) for layer in self.transformer_encoder.layers]

    def forward(self, features: list[Tensor], padding: Tensor | None) -> Tensor:
        """Maps features, [rows, tokens, feature size] per modality, to fused tokens, [rows, tokens, hidden size].

        padding: [rows, tokens], true where a token is none; None where all are.
        """
        x = torch.cat([extractor(part) for extractor, part in zip(self.extractors, features, strict=True)], dim=1)
        return cast(Tensor, self.transformer_encoder(x, src_key_padding_mask=padding))


def write_model(directory: Path, shape: Shape) -> None:
    """Writes config.json and model.safetensors with random weights, biases and norms that are not zeros and ones."""
    torch.manual_seed(_SEED)
    model = FusionModel(shape)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(shape.config(), indent=2) + "\n", encoding="utf-8")
    save_file(model.state_dict(), directory / "model.safetensors", metadata={"format": "pt"})


def read_model(directory: Path, shape: Shape, nested: bool = True) -> FusionModel:
    """The model in `directory`, for inference."""
    model = FusionModel(shape, nested)
    model.load_state_dict(load_file(directory / "model.safetensors"))
    return model.eval()
