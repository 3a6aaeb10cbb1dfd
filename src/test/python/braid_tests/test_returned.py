"""What a module does behind its encoder is described or refused, whatever it returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from modules import HIDDEN, VISUAL, Fusion, NormBehind, Seed, images_and_texts, pair, randomised
from safetensors.torch import load_file
from torch import Tensor, nn

import braid
from braid.golden import error, read_rows


class Classifier(NormBehind):
    """Returns logits alone, of the first token behind the LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(HIDDEN, 3)

    def forward(self, visual: Tensor, text: Tensor) -> Any:
        return self.head(super().forward(visual, text)[:, 0])


class FirstTokenClassifier(Seed):
    """The LayerNorm reads the first token alone."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, 3))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.head(super().forward(visual, text)[:, 0])


class PlainClassifier(Classifier):
    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.head(Seed.forward(self, visual, text).mean(1))


class NormedMean(NormBehind):
    def forward(self, visual: Tensor, text: Tensor) -> Any:
        return super().forward(visual, text).mean(1)


class TokensAndLogits(Classifier):
    """Returns the fused tokens as they are, whatever its head reads."""

    def forward(self, visual: Tensor, text: Tensor) -> Any:
        tokens = Seed.forward(self, visual, text)
        return tokens, self.head(self.behind(tokens)[:, 0])


@pytest.mark.parametrize(
    ("build", "parts", "message"),
    [
        (Classifier, {}, "expected no trained part after 'transformer_encoder', got 'behind', a LayerNorm that reads"),
        (Classifier, {}, "pass final_layer_norm=module.behind, or"),
        (Classifier, {"pooling": "cls"}, "pass final_layer_norm=module.behind, or"),
        (Classifier, {"pooling": "none"}, "pass final_layer_norm=module.behind, or"),
        (FirstTokenClassifier, {"pooling": "cls"}, "pass final_layer_norm=module.head[0], or"),
        (NormedMean, {}, "pass final_layer_norm=module.behind, or"),
        (NormedMean, {"pooling": "mean"}, "pass final_layer_norm=module.behind, or"),
        (NormedMean, {"pooling": "none"}, "pass final_layer_norm=module.behind, or"),
        (
            PlainClassifier,
            {},
            "expected the module to return tokens or a vector of 24 numbers, which tell the pooling, got [1, 3]; "
            "pass pooling=, one of 'mean', 'max', 'cls', 'last', 'none'",
        ),
    ],
)
def test_a_norm_or_a_pooling_is_not_left_out(build: Any, parts: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(randomised(build()), tmp_path / "model", pair(), **parts)
    assert message in str(refusal.value)
    assert not (tmp_path / "model").exists()


def test_a_named_pooling_has_to_be_the_modules(tmp_path: Path) -> None:
    module = randomised(Fusion())
    message = "by 'mean', got one that pools them by 'max'; pass pooling='max'"
    with pytest.raises(braid.ExportError, match=message):
        braid.export(module, tmp_path, images_and_texts(), pooling="mean")
    braid.export(module, tmp_path, images_and_texts(), pooling="max")
    braid.export(module, tmp_path, images_and_texts(), pooling="none")
    assert "pooled" not in load_file(tmp_path / "golden.safetensors")


def test_of_two_norms_behind_the_layers_none_is_offered(tmp_path: Path) -> None:
    module = Classifier()
    module.transformer_encoder.norm = nn.LayerNorm(HIDDEN)
    with pytest.raises(braid.ExportError, match="a LayerNorm that reads them; pass pooling=, and a call="):
        braid.export(randomised(module), tmp_path, pair(), pooling="cls")


@pytest.mark.parametrize(
    ("build", "norm", "pooling"),
    [
        (Classifier, "behind", "cls"),
        (FirstTokenClassifier, "head.0", "cls"),
        (NormedMean, "behind", None),
    ],
)
def test_a_named_norm_behind_is_in_the_golden_numbers(build: Any, norm: str, pooling: Any, tmp_path: Path) -> None:
    module = randomised(build()).eval()
    named: Any = module.get_submodule(norm)
    braid.export(module, tmp_path, pair(), final_layer_norm=named, pooling=pooling)
    config, golden = json.loads((tmp_path / "config.json").read_text()), load_file(tmp_path / "golden.safetensors")
    assert (config["final_layer_norm"], config["pooling"]) == (True, pooling or "mean")
    with torch.no_grad():
        rows = [named(Seed.forward(module, x["visual"][None], x["text"][None]))[0] for x in read_rows(pair())]
    assert error(golden["fused"], torch.cat(rows)) < 5e-6
    pooled = [x.mean(0) if pooling is None else x[0] for x in rows]
    assert error(golden["pooled"], torch.stack(pooled)) < 5e-6


def test_tokens_that_are_returned_as_they_are_settle_it(tmp_path: Path) -> None:
    braid.export(randomised(TokensAndLogits()), tmp_path, pair())
    assert json.loads((tmp_path / "config.json").read_text())["final_layer_norm"] is False


def test_the_encoder_alone_is_exported_by_a_call_that_returns_none(tmp_path: Path) -> None:
    def alone(module: Any, row: dict[str, Tensor]) -> None:
        Seed.forward(module, row["visual"][None], row["text"][None])

    module = randomised(Classifier())
    with pytest.raises(braid.ExportError, match="which tell the pooling, got no tensor; pass pooling="):
        braid.export(module, tmp_path, pair(), call=alone)
    braid.export(module, tmp_path, pair(), call=alone, pooling="mean")
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["final_layer_norm"], config["pooling"]) == (False, "mean")


def test_of_several_poolings_that_agree_one_is_named(tmp_path: Path) -> None:
    class FirstToken(Seed):
        def forward(self, visual: Tensor, text: Tensor) -> Tensor:
            return self.transformer_encoder(self.visual_extractor(visual))[:, 0]

    def visual_alone(module: Any, row: dict[str, Tensor]) -> Any:
        return module(row["visual"][None], None)

    one_token = {"visual": [torch.randn(1, VISUAL) for _ in range(3)]}
    module = randomised(FirstToken())
    message = "got one that 'mean', 'max', 'cls', 'last' give alike; pass pooling=, or rows of several tokens"
    with pytest.raises(braid.ExportError, match=message):
        braid.export(module, tmp_path / "model", one_token, call=visual_alone)
    assert not (tmp_path / "model").exists()
    braid.export(module, tmp_path / "named", one_token, call=visual_alone, pooling="cls")
    assert json.loads((tmp_path / "named" / "config.json").read_text())["pooling"] == "cls"
    several = {"visual": [*one_token["visual"], torch.randn(3, VISUAL)]}
    braid.export(module, tmp_path / "model", several, call=visual_alone)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["pooling"] == "cls"
