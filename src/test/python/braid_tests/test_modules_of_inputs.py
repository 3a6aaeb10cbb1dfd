"""Modules that read token ids or boxes: Braid computes from them what the module does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from modules import randomised
from modules_of_inputs import MODULES_OF_INPUTS, Located, Normed, Words, text_and_regions, words_and_image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

import braid
from braid.golden import error, read_rows
from braid.trace import default_call


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODULES_OF_INPUTS)
def test_braid_computes_what_the_module_does(name: str, tmp_path: Path) -> None:
    build, make_sample, parts = MODULES_OF_INPUTS[name]
    module = randomised(build()).eval()
    braid.export(module, tmp_path, make_sample(), **parts(module))
    golden = load_file(tmp_path / "golden.safetensors")
    with torch.no_grad():
        outputs = [default_call(module, row, 0)[0] for row in read_rows(make_sample())]
    if outputs[0].dim() == 2:
        assert error(golden["fused"], torch.cat(outputs)) < 2e-5
    else:
        assert error(golden["pooled"], torch.stack(outputs)) < 2e-5
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


@pytest.mark.parametrize(
    ("build", "sample", "column", "boxes"),
    [
        (Normed, words_and_image, ("text", "array<bigint>"), None),
        (Located, text_and_regions, ("visual_boxes", "array<array<float>>"), {"visual": "visual_boxes"}),
    ],
)
def test_the_table_of_the_sample_is_fused(
    build: Any, sample: Any, column: tuple[str, str], boxes: Any, spark: Any, tmp_path: Path
) -> None:
    braid.export(randomised(build()), tmp_path, sample())
    pairs = spark.read.parquet(str(tmp_path / "pairs.parquet"))
    assert column in pairs.dtypes
    rows = braid.fuse(pairs, str(tmp_path), key="id", boxes=boxes).orderBy("id").collect()
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
    assert config["position_embeddings"] == ["text"]
    assert "position_embeddings.visual.weight" not in load_file(tmp_path / "model.safetensors")


class OneHot(Words):
    def text(self, ids: Tensor) -> Tensor:
        return F.one_hot(ids, len(self.words.weight)).float() @ self.words.weight


class Scaled(Words):
    """Words are multiplied by a number of the module's own: no config says so."""

    def text(self, ids: Tensor) -> Tensor:
        return self.words(ids) * 24


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


class Embedding(Located):
    """Boxes go through two Linears."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 24))  # type: ignore[assignment]


class Weighted(Located):
    def regions(self, visual: Tensor, boxes: Tensor) -> Tensor:
        return self.visual(visual) + 3 * self.boxes(boxes)


@pytest.mark.parametrize(
    ("build", "boxes", "message"),
    [
        (Embedding, None, "expected Linears to 24 numbers that read the features and the boxes of 'visual'"),
        (Weighted, None, "other operations between projections and encoder cannot be described"),
        (Located, [torch.ones(2, 4)] * 4, "the sample's 'visual.boxes': expected 4 boxes in row 0, as many as its tokens, got 2"),
    ],
)
def test_boxes_that_are_not_understood_are_refused(build: Any, boxes: Any, message: str, tmp_path: Path) -> None:
    sample = text_and_regions()
    if boxes is not None:
        sample["visual.boxes"] = boxes
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(randomised(build()), tmp_path / "model", sample)
    assert message in str(refusal.value)
    assert not (tmp_path / "model").exists()


def test_boxes_are_of_a_modality(tmp_path: Path) -> None:
    sample = {name.replace("visual", "image"): rows for name, rows in text_and_regions().items() if name != "visual"}
    with pytest.raises(braid.ExportError, match="the sample's 'image.boxes': expected boxes .* of features 'image', got none"):
        braid.export(randomised(Located()), tmp_path / "model", sample)


def test_rows_of_one_length_are_cut_with_their_boxes(tmp_path: Path) -> None:
    sample = {name: [rows[0], rows[0]] for name, rows in text_and_regions().items()}
    braid.export(randomised(Located()), tmp_path / "model", sample)
    golden = load_file(tmp_path / "model" / "golden.safetensors")
    assert golden["visual.lengths"].tolist() == [4, 1]
    assert not golden["visual.boxes"][1, 1:].any()
