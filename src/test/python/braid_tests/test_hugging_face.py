"""Hugging Face models: the directory is what save_pretrained writes, the golden file what the model computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hugging_face import MODELS, MODELS_OF_INPUTS, flava, ids, lxmert, vilt, visual_bert
from modules import sample
from safetensors.torch import load_file

import braid
from braid.golden import error, read_rows


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODELS)
def test_export_writes_the_models_own_numbers(name: str, tmp_path: Path) -> None:
    build, make_sample = MODELS[name]
    module: Any = build()
    braid.export(module, tmp_path, make_sample())
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == module.config.model_type
    assert set(load_file(tmp_path / "model.safetensors")) <= set(module.state_dict())

    golden = load_file(tmp_path / "golden.safetensors")
    base = type(module).from_pretrained(tmp_path).float().eval().base_model
    fused, pooled, shares = [], [], []
    for row in read_rows(make_sample()):
        visual, text = row["visual"][None], row["text"][None]
        with torch.no_grad():
            if hasattr(base, "multimodal_model"):
                tokens = torch.cat([base.image_to_mm_projection(visual), base.text_to_mm_projection(text)], 1)
                output = base.multimodal_model(tokens, output_attentions=True)
            elif name.startswith("vilt"):
                mask = torch.ones(visual.shape[:2])
                output = base(inputs_embeds=text, image_embeds=visual, pixel_mask=mask, output_attentions=True)
            else:
                output = base(inputs_embeds=text, visual_embeds=visual, output_attentions=True)
        fused.append(output.last_hidden_state[0])
        pooled.append(output.last_hidden_state[0, 0] if output.pooler_output is None else output.pooler_output[0])
        received = torch.cat(list(output.attentions)).mean((1, 2))  # [layers, tokens]
        texts, visuals = text.shape[1], visual.shape[1]
        cls = received.shape[1] - texts - visuals
        ends = [cls, cls + visuals] if name.startswith("flava") else [texts]
        shares.append(torch.stack([x.sum(1) for x in received.tensor_split(ends, 1) if x.shape[1]], 1))
    assert error(torch.stack(shares), golden["attention_by_layer"]) < 5e-6
    assert error(torch.stack(shares).mean(1), golden["attention"]) < 5e-6
    assert error(torch.cat(fused), golden["fused"]) < 5e-6
    assert error(torch.stack(pooled), golden["pooled"]) < 5e-6
    assert golden["layers.1"].shape == golden["fused"].shape and "layers.2" not in golden
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODELS_OF_INPUTS)
def test_token_ids_and_boxes_are_the_models_own(name: str, tmp_path: Path) -> None:
    build, make_sample = MODELS_OF_INPUTS[name]
    module: Any = build()
    rows = make_sample()
    braid.export(module, tmp_path, rows)
    golden = load_file(tmp_path / "golden.safetensors")
    assert ("text.ids" in golden) == name.endswith("ids")
    base, fused = module.eval().base_model, []
    for i, visual in enumerate(rows["visual"]):
        text = {"input_ids" if name.endswith("ids") else "inputs_embeds": rows["text"][i][None]}
        with torch.no_grad():
            if name.startswith("lxmert"):
                output = base(**text, visual_feats=visual[None], visual_pos=rows["visual.boxes"][i][None])
                fused.append(torch.cat([output.language_output[0], output.vision_output[0]]))
            elif name.startswith("vilt"):
                mask = torch.ones(1, len(visual))
                fused.append(base(**text, image_embeds=visual[None], pixel_mask=mask).last_hidden_state[0])
            else:
                fused.append(base(**text, visual_embeds=visual[None]).last_hidden_state[0])
    assert error(torch.cat(fused), golden["fused"]) < 5e-6
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


def test_layers_are_those_before_the_final_norm(tmp_path: Path) -> None:
    module: Any = flava("FlavaModel")
    braid.export(module, tmp_path, MODELS["flava"][1]())
    golden = load_file(tmp_path / "golden.safetensors")
    with torch.no_grad():
        assert error(module.multimodal_model.layernorm(golden["layers.1"]), golden["fused"]) < 5e-6
    lengths = golden["visual.lengths"] + golden["text.lengths"]
    assert len(golden["fused"]) == int(lengths.sum()) + len(lengths)  # CLS too


@pytest.mark.parametrize(
    ("module", "sizes", "message"),
    [
        (lambda: vilt("ViltModel"), (16, 24), "expected a sample of feature sizes {'visual': 24, 'text': 24}, got"),
        (
            lambda: vilt("ViltModel", hidden_act="mish"),
            (24, 24),
            "hidden_act to be one of 'relu', 'gelu', 'gelu_new', 'silu', 'tanh', 'sigmoid', got 'mish'",
        ),
        (
            lambda: visual_bert("VisualBertModel", bypass_transformer=True),
            (14, 24),
            "bypass_transformer false, got true",
        ),
        (
            lambda: flava("FlavaModel").multimodal_model,
            (24, 24),
            "expected every modality of the sample to enter a layer, got 'text', which does not",
        ),
        (lambda: torch.nn.Sequential(flava("FlavaModel")), (16, 20), "pass the Hugging Face model itself, module.0"),
    ],
)
def test_what_cannot_be_exported_is_refused(module: Any, sizes: tuple[int, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(module(), tmp_path / "model", sample(visual=sizes[0], text=sizes[1]))
    assert message in str(refusal.value)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("module", "rows", "message"),
    [
        (lambda: flava("FlavaModel"), lambda: ids(16), "got token ids, which it does not embed"),
        (lambda: lxmert("LxmertModel"), lambda: ids(14), "'visual': 14, 'visual.boxes': 4, 'text': 24}, got"),
        (
            lambda: vilt("ViltModel"),
            lambda: {**ids(24), "text": [torch.tensor([1, 9])] * 4},
            "token ids below 9 (vocab_size), got 9",
        ),
    ],
)
def test_ids_and_boxes_have_to_fit(module: Any, rows: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError) as refusal:
        braid.export(module(), tmp_path / "model", rows())
    assert message in str(refusal.value)


def test_text_beyond_the_positions_is_refused(tmp_path: Path) -> None:
    long = {"visual": [torch.randn(2, 14)], "text": [torch.randn(17, 24)]}
    with pytest.raises(braid.ExportError, match="at most 16 text tokens .max_position_embeddings., got 17"):
        braid.export(visual_bert("VisualBertModel"), tmp_path, long)


def test_named_parts_are_refused(tmp_path: Path) -> None:
    module: Any = vilt("ViltModel")
    with pytest.raises(braid.ExportError, match="got 'encoder', 'pooling'"):
        braid.export(module, tmp_path, sample(visual=24, text=24), encoder=module.encoder, pooling="mean")


def test_transformers_is_imported_only_by_its_own_models() -> None:
    assert transformers.__name__
    for source in Path(braid.__file__).parent.glob("*.py"):
        assert "import transformers" not in source.read_text()
