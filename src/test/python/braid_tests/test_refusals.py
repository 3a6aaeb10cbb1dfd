"""What cannot be described is refused before anything is written, and the message says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from modules import (
    HIDDEN,
    TEXT,
    VISUAL,
    Embedded,
    Fusion,
    NormBehind,
    Seed,
    Three,
    encoder,
    images_and_texts,
    named_embeddings,
    pair,
    randomised,
    sample,
)
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

import braid


class Scaled(Seed):
    """Multiplies the tokens between projection and encoder."""

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.transformer_encoder(
            1.5 * torch.cat([self.visual_extractor(visual), self.textual_extractor(text)], 1)
        )


class WithToken(Seed):
    def __init__(self) -> None:
        super().__init__()
        self.cls = nn.Parameter(torch.zeros(1, 1, HIDDEN))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        tokens = [self.cls, self.visual_extractor(visual), self.textual_extractor(text)]
        return self.transformer_encoder(torch.cat(tokens, 1))


class WithPositions(Seed):
    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Embedding(20, HIDDEN)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        parts = [self.visual_extractor(visual), self.textual_extractor(text)]
        return self.transformer_encoder(torch.cat([x + self.positions.weight[: x.shape[1]] for x in parts], 1))


class WithKinds(Seed):
    def __init__(self) -> None:
        super().__init__()
        self.kinds = nn.Embedding(2, HIDDEN)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        parts = [self.visual_extractor(visual), self.textual_extractor(text)]
        return self.transformer_encoder(torch.cat([x + kind for x, kind in zip(parts, self.kinds.weight)], 1))


class Causal(Seed):
    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        x = torch.cat([self.visual_extractor(visual), self.textual_extractor(text)], 1)
        return self.transformer_encoder(x, nn.Transformer.generate_square_subsequent_mask(x.shape[1]))


class Twice(Seed):
    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.transformer_encoder(super().forward(visual, text))


class OwnVector(Seed):
    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return super().forward(visual, text).mean(1) * 2


class Between(Three):
    """Does something between two layers."""

    def forward(self, visual: Tensor, text: Tensor, audio: Tensor) -> Tensor:
        x = torch.cat([self.audio(audio), text, self.visual(visual)], dim=1)
        for block in self.blocks:
            x = block(x) + 1
        return x


class OtherLayer(nn.TransformerEncoderLayer):
    """A layer with an operation of its own."""

    def _ff_block(self, x: Tensor) -> Tensor:
        return 0.5 * super()._ff_block(x)


def two_kinds_of_layers() -> nn.Module:
    module = Three()
    module.blocks[1] = nn.TransformerEncoderLayer(HIDDEN, 2, 30, activation="gelu", norm_first=True, batch_first=True)
    return module


def with_other_layer() -> nn.Module:
    module = Seed()
    module.transformer_encoder = nn.TransformerEncoder(OtherLayer(HIDDEN, 4, 36, batch_first=True), 2)
    return module


def with_small_outputs(module: nn.Module) -> nn.Module:
    """Every layer's outputs are below 1e-4, as far as they are from zero."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "norm2" in name:
                parameter *= 1e-5
    return module


def thrice() -> Any:
    return sample(visual=VISUAL, text=HIDDEN, audio=6)


@pytest.mark.parametrize(
    ("build", "make_sample", "parts", "message"),
    [
        (Scaled, pair, {}, "other operations between projections and encoder cannot be described"),
        (WithToken, pair, {}, "got 8 tokens, not 7, in row 0; pass cls_token="),
        (WithPositions, pair, {}, "a row is added at each position: pass position_embeddings="),
        (WithKinds, pair, {}, "a row is added to every token of a modality: pass modality_embeddings="),
        (Embedded, images_and_texts, {}, "pass cls_token="),
        (Causal, pair, {}, "attention masks and a layer's own operations cannot be described"),
        (with_other_layer, pair, {}, "the output of 'transformer_encoder.layers.0' within 1e-04 of what"),
        (NormBehind, pair, {}, "pass final_layer_norm=module.behind, or pass pooling=, and a call="),
        (Twice, pair, {}, "'transformer_encoder.layers.1' to run once each, in this order"),
        (OwnVector, pair, {}, "by 'mean', 'max', 'cls', 'last', got another; name a LayerNorm after the layers"),
        (Between, thrice, {}, "expected the output of the layer before as its input, got another tensor"),
        (
            two_kinds_of_layers,
            thrice,
            {},
            "Cannot export layer 'blocks.1': expected num_attention_heads 3 as in 'blocks.0', got 2",
        ),
        (
            lambda: Fusion(activation=F.mish),
            images_and_texts,
            {},
            "an activation that computes 'relu', 'gelu', 'gelu_new', 'silu', 'tanh', 'sigmoid', got 'mish'",
        ),
        (lambda: Fusion(activation=nn.PReLU(1)), images_and_texts, {}, "got 'PReLU'"),
        (lambda: nn.Linear(VISUAL, HIDDEN), pair, {}, "expected one stack of nn.TransformerEncoderLayer, got none"),
        (lambda: encoder(), pair, {}, "pass call="),
        (Seed, pair, {"pooling": "sum"}, "expected one of 'mean', 'max', 'cls', 'last', 'none' (pooling=), got 'sum'"),
        (Seed, pair, {"pooling": "pooler"}, "pass pooler=, its Linear"),
        (Seed, pair, {"encoder": nn.Linear(2, 2)}, "expected a part of the module (encoder=), got another Linear"),
        (
            Seed,
            pair,
            {"projections": {"image": None}},
            "modalities of the sample, 'visual', 'text' (projections=), got 'image'",
        ),
        (Seed, pair, {"projections": {"visual": None}}, "a Linear(10, 24) that reads the features of 'visual'"),
        (Seed, pair, {"cls_token": torch.zeros(HIDDEN)}, "got 7 tokens, not 8, in row 0"),
        (
            Seed,
            pair,
            {"modality_embeddings": torch.zeros(2, 5)},
            "rows of 24 numbers (modality_embeddings=), got [2, 5]",
        ),
    ],
)
def test_a_module_is_refused(build: Any, make_sample: Any, parts: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(randomised(build()), tmp_path / "model", make_sample(), **parts)
    assert str(refusal.value).startswith("Cannot export ") and message in str(refusal.value)
    assert not (tmp_path / "model").exists()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    module: Any = randomised(Seed())
    with torch.no_grad():
        module.visual_extractor.model_net.weight[0, 0] = float("nan")
    with pytest.raises(braid.ExportError, match="finite numbers to go through it, got NaN or infinity"):
        braid.export(module, tmp_path / "model", pair())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({}, "a modality or more"),
        ({"visual": []}, "expected one row or more, got 0"),
        ({"visual": [torch.ones(2, VISUAL)], "text": []}, "expected 1 rows, as in 'visual', got 0"),
        ({"visual": [torch.ones(1, 2, VISUAL)]}, "in row 0, [tokens, 10], got [1, 2, 10]"),
        ({"visual": [torch.ones(2, VISUAL), torch.ones(2, 3)]}, "in row 1, [tokens, 10], got [2, 3]"),
        ({"visual": [torch.ones(0, VISUAL)]}, "one token or more of 10 numbers in row 0"),
        ({"visual": [torch.full((1, VISUAL), float("nan"))]}, "finite numbers in row 0"),
        ({"cls": [torch.ones(1, 2)]}, "none of 'cls', 'encoder', 'id', got 'cls'"),
        ({"the text": [torch.ones(1, 2)]}, "got 'the text'"),
        ({"text": [torch.ones(1, TEXT)], "Text": [torch.ones(1, TEXT)]}, "differ in more than case, got 'Text' again"),
    ],
)
def test_a_sample_is_refused(broken: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(Seed(), tmp_path / "model", broken)
    assert message in str(refusal.value)


def test_rows_that_no_sample_reached_are_finite_too(tmp_path: Path) -> None:
    module: Any = randomised(Embedded())
    with torch.no_grad():
        module.positions["img"][0, 11, 0] = float("inf")
    with pytest.raises(braid.ExportError, match="tensor 'position_embeddings.img.weight': expected finite numbers"):
        braid.export(module, tmp_path / "model", images_and_texts(), **named_embeddings(module))
    assert not (tmp_path / "model").exists()


def test_small_outputs_are_held_as_closely_as_large_ones(tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError, match="within 1e-04 of what the layer's parts compute"):
        braid.export(with_small_outputs(randomised(with_other_layer())), tmp_path / "model", pair())
    assert not (tmp_path / "model").exists()
    braid.export(with_small_outputs(randomised(Seed())), tmp_path / "model", pair())
    assert 1e-6 < float(load_file(tmp_path / "model" / "golden.safetensors")["fused"].abs().max()) < 1e-4
