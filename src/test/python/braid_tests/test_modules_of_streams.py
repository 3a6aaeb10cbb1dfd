"""Modules of several streams: which layer reads which tokens is found by running them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from modules import AUDIO, HIDDEN, TEXT, pair, randomised, sample
from modules_of_streams import MODULES_OF_STREAMS, CrossBlock, Decoding, Reading, Resampler, TwoStreams
from safetensors.torch import load_file
from torch import Tensor, nn

import braid
from braid.golden import error, read_rows
from braid.stream_reference import StreamReference

Kinds = list[tuple[str, str, Any, int]]

#: The streams by name, what they hold; the stacks: kind, stream, memory, layers; the output and pooling.
EXPECTED: dict[str, tuple[dict[str, Any], Kinds, list[str], str]] = {
    "decoding": (
        {"visual": ["visual"], "text": ["text"]},
        [("encoder", "visual", None, 2), ("decoder", "text", "visual", 2)],
        ["text"],
        "mean",
    ),
    "resampler": (
        {"queries": "queries", "visual": ["visual", "text"]},
        [("decoder", "queries", "visual", 2)],
        ["queries"],
        "mean",
    ),
    "two-streams": (
        {"text": ["text"], "visual": ["visual"], "joined": "text visual"},
        [("co_attention", None, None, 2), ("encoder", "joined", None, 1)],
        ["joined"],
        "max",
    ),
    "encoders": (
        {"text": ["text"], "visual": ["visual"], "queries": "cls", "joined": "queries text visual"},
        [("encoder", "text", None, 2), ("encoder", "visual", None, 1), ("encoder", "joined", None, 1)],
        ["joined"],
        "cls",
    ),
    "asking": ({"text": ["text"], "audio": ["audio"]}, [("cross_attention", "text", "audio", 1)], ["text"], "cls"),
    "reading": ({"text": ["text"], "audio": ["audio"]}, [("cross_attention", "text", "audio", 1)], ["text"], "mean"),
    "unfed": ({"text": ["text"], "audio": ["audio"]}, [("cross_attention", "text", "audio", 1)], ["text"], "mean"),
}


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODULES_OF_STREAMS)
def test_the_directory_describes_the_module(name: str, tmp_path: Path) -> None:
    build, make_sample, parts = MODULES_OF_STREAMS[name]
    module = randomised(build()).eval()
    braid.export(module, tmp_path, make_sample(), **parts(module))
    config: dict[str, Any] = json.loads((tmp_path / "config.json").read_text())
    streams, stacks, output, pooling = EXPECTED[name]
    held = [stream.get("modalities") or stream.get("tensor") or " ".join(stream["join"]) for stream in config["streams"]]
    assert dict(zip((stream["name"] for stream in config["streams"]), held)) == streams
    keys = ("kind", "stream", "memory", "num_hidden_layers")
    assert [tuple(stack.get(key) for key in keys) for stack in config["stacks"]] == stacks
    assert (config["output"], config["pooling"]) == (output, pooling)
    tensors, golden = load_file(tmp_path / "model.safetensors"), load_file(tmp_path / "golden.safetensors")
    rows = read_rows(make_sample())
    described = [StreamReference(config, tensors).run(row) for row in rows]
    assert error(torch.cat([o.fused for o in described]), golden["fused"]) < 2e-5
    with torch.no_grad():
        outputs = [module(*(x[None] for x in row.values())) for row in rows]
    if isinstance(outputs[0], Tensor) and outputs[0].dim() == 3:
        assert error(golden["fused"], torch.cat([x[0] for x in outputs])) < 2e-5
    else:
        pooled = [x["pooled"] if isinstance(x, dict) else x[1] if isinstance(x, tuple) else x for x in outputs]
        assert error(golden["pooled"], torch.cat(pooled)) < 2e-5
    assert golden["attention_by_layer"].sum(-1).allclose(torch.tensor(1.0))
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


class Doubling(CrossBlock):
    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return super().forward(x, memory) + x


class Doubled(Reading):
    def forward(self, text: Tensor, audio: Tensor) -> Any:
        return self.last(text + 2 * self.attention(text, audio, audio)[0])


class Bare(Reading):
    """No residual around the attention."""

    def forward(self, text: Tensor, audio: Tensor) -> Any:
        return self.last(self.attention(self.before(text), audio, audio)[0])


class Values(Reading):
    """Values are not what the keys are."""

    def forward(self, text: Tensor, audio: Tensor) -> Any:
        return self.last(text + self.attention(text, audio, 2 * audio)[0])


class Difference(TwoStreams):
    """Subtracts what the streams are pooled to."""

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        v, t = self.visual(visual), self.text(text)
        return self.to_text[0](t, v).mean(1) - self.to_visual[0](v, t).mean(1)


class Scaling(Decoding):
    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.decoder(2 * self.text(text), self.regions(self.visual(visual)))


class Causal(Decoding):
    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(text.shape[1])
        return self.decoder(self.text(text), self.regions(self.visual(visual)), mask)


class Unread(Decoding):
    """The encoded visual tokens change nothing that is returned."""

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        self.regions(self.visual(visual))
        return self.decoder(self.text(text), self.visual(visual))


class TextTwice(Decoding):
    """Text is in two streams, read by another Linear in each."""

    def __init__(self) -> None:
        super().__init__()
        self.again = nn.Linear(TEXT, HIDDEN)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        memory = torch.cat([self.regions(self.visual(visual)), self.again(text)], 1)
        return self.decoder(self.text(text), memory)


def doubling() -> nn.Module:
    module: Any = TwoStreams()
    module.to_text[0] = Doubling()
    return module  # type: ignore[no-any-return]


def spoken() -> Any:
    return sample(text=HIDDEN, audio=AUDIO)


@pytest.mark.parametrize(
    ("build", "make_sample", "message"),
    [
        (doubling, pair, "the tokens that enter 'to_text.1.reads'"),
        (Doubled, spoken, "'attention': expected a norm before or after it, norm(x + attention(x, memory)) or"),
        (Bare, spoken, "'attention': expected a residual around it, x + attention(x, memory), got 'last', which reads what it"),
        (Values, spoken, "'attention': expected keys and values of one stream, got different tensors"),
        (Difference, pair, "expected the module to return tokens that its layers leave, a vector that pools them, or"),
        (Scaling, pair, "the tokens that enter 'decoder.layers.0' to be outputs of layers, projected features and learned"),
        (Causal, pair, "'decoder.layers.0': expected an output within 1e-04 of what the parts of a decoder layer compute"),
        (Unread, pair, "got 'regions.layers.1', whose tokens nothing reads; pass a call= without it"),
        (TextTwice, pair, "expected each modality in one stream, got 'text' in two"),
    ],
)
def test_what_is_not_understood_is_refused(build: Any, make_sample: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(randomised(build()), tmp_path / "model", make_sample())
    assert message in str(refusal.value)
    assert "src/docs/models.md" in str(refusal.value)
    assert not (tmp_path / "model").exists()


def test_a_named_pooling_is_the_modules(tmp_path: Path) -> None:
    class Logits(Resampler):
        def forward(self, visual: Tensor, text: Tensor) -> Any:
            return super().forward(visual, text)["pooled"][:, :3]

    module = randomised(Logits())
    named = MODULES_OF_STREAMS["resampler"][2]
    with pytest.raises(braid.ExportError, match="pass pooling="):
        braid.export(module, tmp_path / "model", pair(), **named(module))
    braid.export(module, tmp_path / "model", pair(), **named(module), pooling="cls")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["pooling"] == "cls"
    with pytest.raises(braid.ExportError, match="expected one of 'mean', 'none' .pooling=., got 'max'"):
        other = randomised(Resampler())
        braid.export(other, tmp_path / "other", pair(), **named(other), pooling="max")
