"""The fusion model in PyTorch and the rows that it reads.

Each modality goes through a Linear to the fusion size, the projected sequences are concatenated, visual first, and one
shared stack of Transformer encoder layers makes one fused vector per token. The parts bear the names of the state dict
that Braid loads.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

VISUAL_SIZE, TEXT_SIZE = 320, 384


@dataclass(frozen=True)
class Row:
    codepoints: str
    emoji: str
    subgroup: str
    fold: int
    visual: Tensor  # [visual tokens, VISUAL_SIZE] float32
    text: Tensor  # [text tokens, TEXT_SIZE] float32


def read_rows(directory: Path) -> list[Row]:
    """The pairs of visual.parquet and text.parquet, in the order of text.parquet."""
    visual = {row["codepoints"]: row["visual"] for row in pq.read_table(directory / "visual.parquet").to_pylist()}
    return [
        Row(
            row["codepoints"],
            row["emoji"],
            row["subgroup"],
            row["fold"],
            decode(visual[row["codepoints"]], VISUAL_SIZE),
            decode(row["text"], TEXT_SIZE),
        )
        for row in pq.read_table(directory / "text.parquet").to_pylist()
    ]


def decode(features: bytes, feature_size: int) -> Tensor:
    """[tokens, feature_size] float32 from little-endian float16, token after token."""
    return torch.from_numpy(np.frombuffer(features, "<f2").astype(np.float32).reshape(-1, feature_size))


@dataclass(frozen=True)
class FusionConfig:
    hidden_size: int = 128
    num_hidden_layers: int = 2
    num_attention_heads: int = 8
    intermediate_size: int = 512
    hidden_act: str = "relu"
    layer_norm_eps: float = 1e-5


class Projection(nn.Module):
    def __init__(self, feature_size: int, hidden_size: int) -> None:
        super().__init__()
        self.model_net = nn.Linear(feature_size, hidden_size)

    def forward(self, sequences: list[Tensor]) -> list[Tensor]:
        return list(self.model_net(torch.cat(sequences)).split([len(sequence) for sequence in sequences]))


class FusionModel(nn.Module):
    def __init__(self, config: FusionConfig, dropout: float = 0.1) -> None:
        super().__init__()
        self.visual_extractor = Projection(VISUAL_SIZE, config.hidden_size)
        self.textual_extractor = Projection(TEXT_SIZE, config.hidden_size)
        layer = nn.TransformerEncoderLayer(
            config.hidden_size,
            config.num_attention_heads,
            config.intermediate_size,
            dropout,
            config.hidden_act,
            config.layer_norm_eps,
            batch_first=True,
        )
        self.transformer_encoder = nn.TransformerEncoder(layer, config.num_hidden_layers, enable_nested_tensor=False)

    def forward(self, rows: list[Row]) -> list[Tensor]:
        """Per row [visual tokens + text tokens, hidden_size]."""
        visual = self.visual_extractor([row.visual for row in rows])
        text = self.textual_extractor([row.text for row in rows])
        sequences = [torch.cat(pair) for pair in zip(visual, text, strict=True)]
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        tokens = pad_sequence(sequences, batch_first=True)
        padding = torch.arange(tokens.shape[1]) >= lengths.unsqueeze(1)
        fused = self.transformer_encoder(tokens, src_key_padding_mask=padding if padding.any() else None)
        return [row[:length] for row, length in zip(fused, lengths.tolist(), strict=True)]
