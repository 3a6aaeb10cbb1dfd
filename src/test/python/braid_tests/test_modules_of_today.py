"""Encoders of today: what a layer does not tell is found by its numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from modules import HIDDEN, TEXT, pair, randomised
from modules_of_today import MODULES_OF_TODAY, GatedTorchBlock, OwnBlocks, RotaryBlock, llama
from safetensors.torch import load_file
from torch import Tensor, nn

import braid
from braid.golden import error, read_rows
from braid.norms import read_norm
from braid.reference import Reference

EXPECTED: dict[str, dict[str, Any]] = {
    "eurobert": {
        "norm_type": "rms_norm", "hidden_act": "silu", "gated_feed_forward": True, "norm_first": True,
        "num_attention_heads": 4, "num_key_value_heads": 2, "rotary_embeddings": "half", "rope_theta": 250.0,
        "final_layer_norm": True, "attention_output_projection": True, "position_embeddings": False,
    },
    "rotary-blocks": {
        "norm_type": "rms_norm", "layer_norm_eps": 1e-6, "intermediate_size": 20, "num_key_value_heads": 1,
        "rotary_embeddings": "interleaved", "rope_theta": 10_000.0, "norm_first": True, "final_layer_norm": True,
    },
    "gated-torch-blocks": {
        "norm_type": "layer_norm", "hidden_act": "gelu", "gated_feed_forward": True, "norm_first": False,
        "num_key_value_heads": 4, "final_layer_norm": False,
    },
    "concatenated-positions": {"position_embeddings": "concatenated"},
    "sinusoids": {"position_embeddings": "sinusoidal_concatenated"},
    "sinusoids-of-each": {"position_embeddings": "sinusoidal"},
}  # fmt: skip


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODULES_OF_TODAY)
def test_the_directory_describes_the_module(name: str, tmp_path: Path) -> None:
    build, make_sample, parts = MODULES_OF_TODAY[name]
    module = randomised(build()).eval()
    braid.export(module, tmp_path, make_sample(), **parts(module))
    config: dict[str, Any] = json.loads((tmp_path / "config.json").read_text())
    assert {key: config.get(key) for key in EXPECTED[name]} == EXPECTED[name]
    assert ("rotary_embeddings" in config) == ("rotary_embeddings" in EXPECTED[name])
    tensors, golden = load_file(tmp_path / "model.safetensors"), load_file(tmp_path / "golden.safetensors")
    with torch.no_grad():
        tokens = torch.cat([module(row["visual"][None], row["text"][None])[0] for row in read_rows(make_sample())])
    assert error(golden["fused"], tokens) < 5e-6
    described = torch.cat([Reference(config, tensors).run(row).fused for row in read_rows(make_sample())])
    assert error(described, tokens) < 2e-5
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


class Doubled(GatedTorchBlock):
    """A layer with an operation of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2



def text_alone() -> nn.Module:
    class Alone(OwnBlocks):
        def forward(self, text: Tensor) -> Tensor:  # type: ignore[override]
            return self.fuse(self.text(text))

    return Alone(RotaryBlock)


@pytest.mark.parametrize(
    ("build", "sample", "message"),
    [
        (llama, pair(), "'model.layers.0': expected every token to attend to every other one, got a causal mask"),
        (lambda: OwnBlocks(Doubled), pair(), "'blocks.0': expected an output within 1e-04 of one of"),
        (lambda: OwnBlocks(Doubled), pair(), "with a config.json that you write: see src/docs/models.md"),
        (text_alone, {"text": [torch.ones(1, TEXT)]}, "got 7 ways (rotary_embeddings none, rope_theta none; rotary_embeddings half, rope_theta 10000.0;"),
        (text_alone, {"text": [torch.ones(1, TEXT)]}, "; pass rows of several tokens"),
    ],
)
def test_what_no_setting_or_several_explain_is_refused(build: Any, sample: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(randomised(build()), tmp_path / "model", sample)
    assert message in str(refusal.value)
    assert not (tmp_path / "model").exists()


class Named(nn.Module):
    """A norm in name only."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(HIDDEN)), nn.Parameter(torch.zeros(HIDDEN))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.bias


def test_norms_are_known_by_what_they_compute() -> None:
    for eps in (1e-5, 1e-6, 1e-12, None):
        norm = read_norm("'norm'", randomised(nn.RMSNorm(HIDDEN, eps)))
        assert (norm.type, norm.eps, norm.bias) == ("rms_norm", eps or torch.finfo(torch.float32).eps, None)
    with pytest.raises(braid.ExportError, match="expected a LayerNorm or RMSNorm with a weight"):
        read_norm("'norm'", Named())


def test_norms_of_other_kinds_or_epsilons_are_refused(tmp_path: Path) -> None:
    module: Any = OwnBlocks(RotaryBlock, nn.LayerNorm(HIDDEN))
    with pytest.raises(braid.ExportError, match="'last': expected a rms_norm as in the layers, got layer_norm"):
        braid.export(randomised(module), tmp_path / "model", pair(), final_layer_norm=module.last)
    other: Any = OwnBlocks(RotaryBlock)
    other.blocks[0].ffn_norm = nn.RMSNorm(HIDDEN, 1e-5)
    with pytest.raises(braid.ExportError, match="expected two norms of one kind, rms_norm of eps 1e-05, got rms_norm of"):
        braid.export(randomised(other), tmp_path / "model", pair())
