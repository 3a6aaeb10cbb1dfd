"""Modules whose streams attend to each other: the layers that alternate are found, and Braid computes what they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from modules import pair, randomised
from modules_of_exchange import MODULES_OF_EXCHANGE, Attention, CrossFirst, HandWrittenBottleneck, PreNormLayer
from safetensors.torch import load_file
from torch import Tensor

import braid
from braid.golden import error, read_rows

#: Per module the kind of each stack, that of its layers if it says so, its streams, and the number of layers.
EXPECTED: dict[str, list[tuple[str, str | None, Any, int]]] = {
    "shared-cross-attention": [("co_attention", "cross_first", ["text", "visual"], 2)],
    "cross-first": [("encoder", None, "text", 1), ("co_attention", "cross_first", ["text", "visual"], 3)],
    "decoder-layers": [("co_attention", "decoder", ["text", "visual"], 2)],
    "one-after-the-other": [("cross_attention", None, "text", 1), ("cross_attention", None, "visual", 1)],
    "bottleneck": [
        ("encoder", None, "visual_learned", 1),
        ("encoder", None, "audio_learned", 1),
        ("bottleneck", None, ["visual_learned", "audio_learned"], 2),
    ],
    "hand-written-bottleneck": [("bottleneck", None, ["visual", "text"], 2)],
    "parts-in-lists": [("encoder", None, "text", 2)],
    "bert-layers": [("encoder", None, "text", 2)],
    "attention-in-forward": [("cross_attention", None, "text", 1)],
}


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODULES_OF_EXCHANGE)
def test_braid_computes_what_the_module_does(name: str, tmp_path: Path) -> None:
    build, make_sample, parts = MODULES_OF_EXCHANGE[name]
    module = randomised(build()).eval()
    braid.export(module, tmp_path, make_sample(), **parts(module))
    config: dict[str, Any] = json.loads((tmp_path / "config.json").read_text())
    stacks = [
        (stack["kind"], stack.get("layer_kind"), stack.get("streams", stack.get("stream")), stack["num_hidden_layers"])
        for stack in config["stacks"]
    ]
    assert stacks == EXPECTED[name]
    golden = load_file(tmp_path / "golden.safetensors")
    with torch.no_grad():
        outputs = [module(*(x[None] for x in row.values()))[0] for row in read_rows(make_sample())]
    assert error(golden["fused"], torch.cat(outputs)) < 2e-5
    assert golden["attention_by_layer"].sum(-1).allclose(torch.tensor(1.0))
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


class Masking(Attention):
    """A query attends to the first token of the memory alone."""

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        return super().forward(x, None if memory is None else memory[:, :1])


class Scaling(Attention):
    """Scores are not divided by the root of the head size."""

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        keys, values = self.to_kv(x if memory is None else memory).chunk(2, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.to_q(x), keys, values))
        return self.to_out(((q @ k.transpose(-1, -2)).softmax(-1) @ v).transpose(1, 2).flatten(2))


class Adding(PreNormLayer):
    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return super().forward(x, memory) + x


class SelfFirst(PreNormLayer):
    """Self-attention is all there is."""

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return x + self.attentions[1](self.norms[1](x))


def with_attention(attention: Any) -> Any:
    def build() -> CrossFirst:
        module = CrossFirst()
        for layer in module.of_text:
            layer.attentions[0] = attention()  # type: ignore[index, operator]
        return module

    return build


def with_layer(layer: Any) -> Any:
    def build() -> CrossFirst:
        module = CrossFirst()
        module.of_text[1] = layer()
        return module

    return build


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (with_attention(Masking), "the memory of 'of_text.0.attentions.0' to be outputs of layers, projected features"),
        (with_attention(Scaling), "'of_text.0.attentions.0': expected softmax(Q K^T / sqrt(head size)) V of all tokens"),
        (with_layer(Adding), "the tokens that enter 'of_text.2.attentions.0' to be outputs of layers, projected features"),
        (with_layer(SelfFirst), "'of_text.1.attentions.1': expected layers of self-attention or attention to another"),
    ],
)
def test_what_is_not_understood_is_refused(build: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(randomised(build()), tmp_path / "model", pair())
    assert message in str(refusal.value)
    assert "src/docs/models.md" in str(refusal.value)
    assert not (tmp_path / "model").exists()


class InTurn(HandWrittenBottleneck):
    """The fusion tokens that visual made go to text, and the other way round in the next layer."""

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        v, t = self.visual(visual), self.text(text)
        shared = self.tokens[None]
        for of_visual, of_text in zip(self.visual_layers, self.text_layers):
            v = of_visual(torch.cat([shared, v], 1))
            t = of_text(torch.cat([v[:, :2], t], 1))
            shared, v, t = t[:, :2], v[:, 2:], t[:, 2:]
        return shared


class Weighted(HandWrittenBottleneck):
    """The mean is not one."""

    def exchanged(self, of_visual: Tensor, of_text: Tensor) -> Tensor:
        return 0.7 * of_visual + 0.3 * of_text


@pytest.mark.parametrize("build", [InTurn, Weighted])
def test_other_exchanges_of_fusion_tokens_are_refused(build: Any, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError, match="the tokens that enter '.*_layers..' to be outputs of layers, projected"):
        braid.export(randomised(build()), tmp_path / "model", pair())
    assert not (tmp_path / "model").exists()
