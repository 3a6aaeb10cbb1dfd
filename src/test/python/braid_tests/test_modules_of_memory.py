"""Modules that normalise what they read or put streams side by side: they are found, and Braid computes what they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from modules import pair, randomised
from modules_of_memory import MODULES_OF_MEMORY, Exchange, Mult, Rotated, three
from safetensors.torch import load_file
from torch import Tensor

import braid
from braid.golden import error, read_rows

#: Per module the kind of each stack, its streams, and the number of layers; the output and the pooling.
EXPECTED: dict[str, tuple[list[tuple[str, Any, int]], list[str]]] = {
    "perceiver": (
        [("cross_attention", "queries", 1), ("encoder", "queries", 1)] * 2,
        ["queries"],
    ),
    "exchange": ([("co_attention", ["visual", "text"], 2)], ["concatenated"]),
    "one-side": ([("co_attention", ["visual", "text"], 1), ("cross_attention", "text", 1)], ["text"]),
    "placed": ([("cross_attention", "visual_learned", 1)], ["visual_learned"]),
    "rotated": (
        [("encoder", "text", 1), ("encoder", "visual", 1), ("cross_attention", "text", 2)],
        ["text"],
    ),
    "side-by-side": ([("cross_attention", "text_2", 1), ("encoder", "concatenated", 1)], ["concatenated"]),
}


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODULES_OF_MEMORY)
def test_braid_computes_what_the_module_does(name: str, tmp_path: Path) -> None:
    build, make_sample, parts = MODULES_OF_MEMORY[name]
    module = randomised(build()).eval()
    named = parts(module)
    braid.export(module, tmp_path, make_sample(), **named)
    config: dict[str, Any] = json.loads((tmp_path / "config.json").read_text())
    stacks = [(stack["kind"], stack.get("streams", stack.get("stream")), stack["num_hidden_layers"]) for stack in config["stacks"]]
    if name in EXPECTED:
        assert (stacks, config["output"]) == EXPECTED[name]
    golden = load_file(tmp_path / "golden.safetensors")
    run = named.get("call", lambda module, row: module(*(x[None] for x in row.values())))
    with torch.no_grad():
        outputs = torch.cat([run(module, row).flatten(0, -2) for row in read_rows(make_sample())])
    fused = golden["fused"] if len(golden["fused"]) == len(outputs) else golden["pooled"]
    assert error(fused, outputs) < 2e-5
    assert golden["attention_by_layer"].sum(-1).allclose(torch.tensor(1.0))
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


def test_parts_keep_their_kind(tmp_path: Path) -> None:
    braid.export(randomised(Rotated()), tmp_path, pair())
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["rotary_embeddings"], config["rope_theta"], config["gated_feed_forward"]) == ("interleaved", 10000.0, True)
    kinds = [(stack["num_key_value_heads"], stack["norm_type"], stack["norm_first"], stack["hidden_act"]) for stack in config["stacks"]]
    assert kinds == [(1, "rms_norm", True, "silu")] * 2 + [(2, "rms_norm", False, "gelu")]
    assert "stacks.2.layers.1.cross_attn.k_proj.weight" in load_file(tmp_path / "model.safetensors")


def test_a_vector_of_streams_says_how_each_is_pooled(tmp_path: Path) -> None:
    braid.export(randomised(Exchange()), tmp_path, pair())
    config = json.loads((tmp_path / "config.json").read_text())
    assert [stream for stream in config["streams"] if "pool" in stream or "concat" in stream] == [
        {"name": "text_vector", "pool": "text", "pooling": "cls", "hidden_size": 16},
        {"name": "visual_vector", "pool": "visual", "pooling": "mean", "hidden_size": 12},
        {"name": "concatenated", "concat": ["text_vector", "visual_vector"], "hidden_size": 28},
    ]


def test_a_head_is_named(tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(randomised(Mult()), tmp_path / "model", three())
    assert "a call= that returns the vector of 36 numbers that 'head' reads" in str(refusal.value)
    assert not (tmp_path / "model").exists()


class Other(Exchange):
    """Streams of different tokens side by side, which have as many in some rows alone."""

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        v, t = self.visual(visual), self.text(text)
        v, t = self.to_visual[0](v, t), self.to_text[0](t, v)
        return torch.cat([t, v], -1)


def test_features_side_by_side_are_of_the_same_tokens(tmp_path: Path) -> None:
    sample = {name: [x[:1].expand(2, -1) + torch.arange(2)[:, None] for x in rows] for name, rows in pair().items()}
    with pytest.raises(braid.ExportError, match="features side by side in 'concatenated' to be those of the same tokens"):
        braid.export(randomised(Other()), tmp_path / "model", sample)
