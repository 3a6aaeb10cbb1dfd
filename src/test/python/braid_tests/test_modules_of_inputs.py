"""Modules that read token ids: Braid computes from ids what the module does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from modules import randomised
from modules_of_inputs import MODULES_OF_INPUTS, Normed, Words, words_and_image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

import braid
from braid.golden import error, read_rows


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODULES_OF_INPUTS)
def test_braid_computes_what_the_module_does(name: str, tmp_path: Path) -> None:
    build, make_sample, parts = MODULES_OF_INPUTS[name]
    module = randomised(build()).eval()
    braid.export(module, tmp_path, make_sample(), **parts(module))
    golden = load_file(tmp_path / "golden.safetensors")
    with torch.no_grad():
        outputs = [module(*(x[None] for x in row.values()))[0] for row in read_rows(make_sample())]
    if outputs[0].dim() == 2:
        assert error(golden["fused"], torch.cat(outputs)) < 2e-5
    else:
        assert error(golden["pooled"], torch.stack(outputs)) < 2e-5
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


@pytest.mark.usefixtures("spark")
def test_a_table_of_ids_is_fused(spark: Any, tmp_path: Path) -> None:
    braid.export(randomised(Normed()), tmp_path, words_and_image())
    pairs = spark.read.parquet(str(tmp_path / "pairs.parquet"))
    assert dict(pairs.dtypes)["text"] == "array<bigint>"
    rows = braid.fuse(pairs, str(tmp_path), key="id").orderBy("id").collect()
    pooled = load_file(tmp_path / "golden.safetensors")["pooled"]
    assert error(torch.tensor([row["fused"] for row in rows]), pooled) < 2e-5


def test_parts_are_named_where_the_module_has_them(tmp_path: Path) -> None:
    braid.export(randomised(Normed()), tmp_path, words_and_image())
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["modalities"] == [{"name": "text", "vocab_size": 31}, {"name": "visual", "feature_size": 10}]
    assert config["tensor_prefixes"] == {
        "text.word_embeddings": "embeddings.words",
        "text.embedding_norm": "embeddings.norm",
        "visual": "visual",
        "visual.projection_norm": "projection_norm",
        "encoder": "mixer",
    }
    positions = load_file(tmp_path / "model.safetensors")["position_embeddings.visual.weight"]
    assert positions.shape == (4096, 24)
    assert not positions.any()


class OneHot(Words):
    def text(self, ids: Tensor) -> Tensor:
        return F.one_hot(ids, len(self.words.weight)).float() @ self.words.weight


class Scaled(Words):
    """Words are multiplied, as the Transformer's author does: no config says so."""

    def text(self, ids: Tensor) -> Tensor:
        return self.words(ids) * 24**0.5


class Learned(Words):
    """Positions are a parameter that has to be named."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(12, 24))

    def text(self, ids: Tensor) -> Tensor:
        return self.words(ids) + self.positions[: ids.shape[1]]


@pytest.mark.parametrize(
    ("build", "ids", "message"),
    [
        (OneHot, None, "expected an nn.Embedding that reads the token ids of 'text' as the sample holds them"),
        (Scaled, None, "other operations between projections and encoder cannot be described"),
        (Learned, None, "a row is added at each position: pass position_embeddings="),
        (Words, [[0, 1], [0, 1, 2], [0], [0, 1]], "tell words from positions, got one id alone, or 0, 1, 2, ..."),
        (Words, [[4], [4, 4], [4], [4]], "pass ids of real text"),
        (Words, [[4, -1], [4, 5], [6], [7]], "the sample's 'text': expected one token id or more in row 0, from 0 on, got -1"),
    ],
)
def test_what_is_not_understood_is_refused(build: Any, ids: Any, message: str, tmp_path: Path) -> None:
    sample = words_and_image()
    if ids is not None:
        sample["text"] = [torch.tensor(of_row) for of_row in ids]
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(randomised(build()), tmp_path / "model", sample)
    assert message in str(refusal.value)
    assert not (tmp_path / "model").exists()
