"""Modules of one's own: what is written is what `models.md` says, and replaying it gives the module's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from modules import HIDDEN, MODULES, TEXT, VISUAL, Fusion, Seed, images_and_texts, pair, randomised
from modules_of_exchange import MODULES_OF_EXCHANGE
from modules_of_inputs import MODULES_OF_INPUTS
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

import braid
from braid.golden import error, read_rows
from braid.reference import Reference

ALLOWED = {
    "model_type",
    "modalities",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "norm_first",
    "layer_norm_eps",
    "attention_output_projection",
    "final_layer_norm",
    "cls_token",
    "modality_embeddings",
    "position_embeddings",
    "embedding_layer_norm",
    "pooling",
    "tensor_prefixes",
}


def export(name: str, directory: Path) -> tuple[Any, dict[str, Tensor], dict[str, Tensor]]:
    build, make_sample, parts = MODULES[name]
    module = randomised(build())
    braid.export(module, directory, make_sample(), **parts(module))
    config = json.loads((directory / "config.json").read_text())
    return config, load_file(directory / "model.safetensors"), load_file(directory / "golden.safetensors")


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", MODULES)
def test_replaying_the_directory_gives_the_golden_numbers(name: str, tmp_path: Path) -> None:
    config, tensors, golden = export(name, tmp_path)
    assert set(config) == ALLOWED
    rows = read_rows(MODULES[name][1]())
    outputs = [Reference(config, tensors).run(row) for row in rows]
    assert error(torch.cat([o.fused for o in outputs]), golden["fused"]) < 2e-5
    for i in range(config["num_hidden_layers"]):
        assert error(torch.cat([o.layers[i] for o in outputs]), golden[f"layers.{i}"]) < 2e-5
    for i, output in enumerate(outputs):
        assert output.pooled is not None
        assert error(output.pooled, golden["pooled"][i]) < 2e-5
    for i, output in enumerate(outputs):
        assert output.attention is not None
        assert error(output.attention, golden["attention_by_layer"][i]) < 2e-5
    for modality in config["modalities"]:
        features, lengths = golden[modality["name"] + ".features"], golden[modality["name"] + ".lengths"]
        assert features.dtype == torch.float32 and lengths.dtype == torch.int64
        for row, x, length in zip(rows, features, lengths):
            assert torch.equal(x[:length], row[modality["name"]]) and not x[length:].any()
    assert "largest error" in braid.verify(str(tmp_path), tolerance=2e-5)


def test_the_golden_numbers_are_those_of_the_module(tmp_path: Path) -> None:
    module = randomised(Seed()).eval()
    braid.export(module, tmp_path, pair())
    with torch.no_grad():
        fused = [module(row["visual"][None], row["text"][None])[0] for row in read_rows(pair())]
    golden = load_file(tmp_path / "golden.safetensors")
    assert error(torch.cat(fused), golden["fused"]) < 5e-6
    assert error(torch.stack([x.mean(0) for x in fused]), golden["pooled"]) < 5e-6


@pytest.mark.parametrize(
    ("name", "encoder", "order"),
    [("seed", "transformer_encoder", ("visual", "text")), ("embeddings", "mixer", ("cls", "txt", "img"))],
)
def test_the_golden_attention_is_that_of_torch(name: str, encoder: str, order: Any, tmp_path: Path) -> None:
    _, _, golden = export(name, tmp_path)
    module: Any = randomised(MODULES[name][0]()).eval()
    weights: list[Tensor] = []  # of every layer of every row [1, heads, queries, keys]

    def watch(attention: Any, args: Any) -> None:
        weights.append(nn.MultiheadAttention.forward(attention, *args, average_attn_weights=False)[1])

    for layer in module.get_submodule(encoder).layers:
        layer.self_attn.register_forward_pre_hook(watch)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            for i, row in enumerate(read_rows(MODULES[name][1]())):
                weights.clear()
                module(*(x[None] for x in row.values()))
                for layer, of_layer in enumerate(weights):
                    start = 0
                    for group, part in enumerate(order):
                        end = start + (1 if part == "cls" else len(row[part]))
                        share = of_layer[0, :, :, start:end].sum(-1).mean()
                        assert abs(float(share - golden["attention_by_layer"][i, layer, group])) < 5e-6
                        start = end
                    assert start == of_layer.shape[-1]
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    assert golden["attention_by_layer"].shape == (4, 2, len(order))
    assert golden["attention_by_layer"].dtype == golden["attention"].dtype == torch.float32
    assert error(golden["attention_by_layer"].mean(1), golden["attention"]) < 1e-6


def test_the_seed_keeps_its_names(tmp_path: Path) -> None:
    config, tensors, _ = export("seed", tmp_path)
    assert config["modalities"] == [{"name": "visual", "feature_size": 10}, {"name": "text", "feature_size": 20}]
    assert config["tensor_prefixes"] == {
        "visual": "visual_extractor.model_net",
        "text": "textual_extractor.model_net",
        "encoder": "transformer_encoder",
    }
    assert set(tensors) == set(Seed().state_dict())
    assert (config["num_attention_heads"], config["intermediate_size"], config["hidden_act"]) == (4, 36, "relu")


def test_layers_from_scratch_are_written_under_canonical_names(tmp_path: Path) -> None:
    config, tensors, _ = export("seed-own-layers", tmp_path)
    assert config["attention_output_projection"] is False
    below = {name[len("transformer_encoder.layers.1.") :] for name in tensors if ".layers.1." in name}
    parts = ["self_attention.query_proj", "self_attention.key_proj", "self_attention.value_proj", "norm1", "norm2"]
    parts += ["feed_forward_network.0", "feed_forward_network.2"]
    assert below == {f"{part}.{kind}" for part in parts for kind in ("weight", "bias")}


def test_order_projections_and_pooling_are_found_by_running(tmp_path: Path) -> None:
    config, tensors, _ = export("fusion", tmp_path)
    assert [modality["name"] for modality in config["modalities"]] == ["txt", "img"]
    assert config["tensor_prefixes"] == {"txt": "txt", "img": "img.0", "encoder": "mixer"}
    assert config["pooling"] == "max"
    assert not any(name.startswith(("unused", "head")) for name in tensors)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pre-norm", {"norm_first": True, "hidden_act": "gelu", "final_layer_norm": True}),
        ("gelu-tanh", {"hidden_act": "gelu_new", "norm_first": False, "final_layer_norm": False}),
        ("silu", {"hidden_act": "silu", "norm_first": False, "final_layer_norm": False}),
        ("no-bias", {"layer_norm_eps": 1e-6}),
        ("bare-encoder", {"tensor_prefixes": {}, "final_layer_norm": True, "pooling": "mean"}),
        ("bare-layer", {"tensor_prefixes": {}, "num_hidden_layers": 1, "pooling": "last"}),
        ("three-modalities", {"final_layer_norm": True, "num_hidden_layers": 3, "num_attention_heads": 3}),
        ("embeddings", {"cls_token": True, "position_embeddings": True, "pooling": "pooler"}),
    ],
)
def test_the_config_says(name: str, expected: dict[str, Any], tmp_path: Path) -> None:
    config, _, _ = export(name, tmp_path)
    assert {key: config[key] for key in expected} == expected


def test_a_modality_without_projection_has_no_prefix(tmp_path: Path) -> None:
    config, _, _ = export("three-modalities", tmp_path)
    assert [modality["name"] for modality in config["modalities"]] == ["audio", "text", "visual"]
    assert config["tensor_prefixes"] == {"audio": "audio", "visual": "visual", "encoder": "blocks"}


def test_tensors_of_embeddings_have_canonical_names_and_shapes(tmp_path: Path) -> None:
    _, tensors, _ = export("embeddings", tmp_path)
    shapes = {
        name: list(tensor.shape) for name, tensor in tensors.items() if not name.startswith(("mixer", "img", "txt"))
    }
    assert shapes == {
        "cls_token": [1, 1, HIDDEN],
        "modality_embeddings.weight": [2, HIDDEN],
        "position_embeddings.img.weight": [12, HIDDEN],
        "position_embeddings.txt.weight": [9, HIDDEN],
        "embedding_layer_norm.weight": [HIDDEN],
        "embedding_layer_norm.bias": [HIDDEN],
        "pooler.dense.weight": [HIDDEN, HIDDEN],
        "pooler.dense.bias": [HIDDEN],
    }


def test_the_module_stays_as_it_was_and_its_dtype_is_kept(tmp_path: Path) -> None:
    module = randomised(Seed()).to(torch.bfloat16).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    enabled = torch.backends.mha.get_fastpath_enabled()
    braid.export(module, tmp_path, pair())
    assert module.training and torch.backends.mha.get_fastpath_enabled() == enabled
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert not any(part._forward_hooks for part in module.modules())
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {torch.bfloat16}


class Elsewhere(Tensor):
    """A tensor on a device of its own, as on a GPU: operations do not mix it with tensors of the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        made = Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device="meta")  # type: ignore[attr-defined]
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        flat = tree_leaves((args, kwargs))
        if any(isinstance(x, Tensor) and not isinstance(x, Elsewhere) for x in flat):
            raise RuntimeError("Expected all tensors to be on the same device")
        held = tree_map_only(Elsewhere, lambda x: x.held, (args, kwargs or {}))
        to_cpu = (kwargs or {}).get("device") == torch.device("cpu")
        result = operation(*held[0], **held[1])
        return result if to_cpu else tree_map_only(Tensor, Elsewhere, result)


def test_a_module_on_another_device_gives_the_same_files(tmp_path: Path) -> None:
    modules = {**MODULES, **MODULES_OF_INPUTS, **MODULES_OF_EXCHANGE}
    for name in ("seed", "embeddings", "normed-words", "narrow-words", "bottleneck", "cross-first"):
        build, make_sample, parts = modules[name]
        module = randomised(build())
        braid.export(module, tmp_path / name, make_sample(), **parts(module))
        for part in module.modules():
            for key, parameter in list(part.named_parameters(recurse=False)):
                part.register_parameter(key, nn.Parameter(Elsewhere(parameter.detach())))
        braid.export(module, tmp_path / f"{name} elsewhere", make_sample(), **parts(module))
        assert all(isinstance(parameter, Elsewhere) for parameter in module.parameters())
        for file in (tmp_path / name).iterdir():
            assert file.read_bytes() == (tmp_path / f"{name} elsewhere" / file.name).read_bytes()


def test_parts_that_running_cannot_find_are_named(tmp_path: Path) -> None:
    class Functional(Fusion):
        def tokens(self, img: Tensor, txt: Tensor) -> Tensor:
            linear: Any = self.img[0]
            return torch.cat(
                [nn.functional.linear(txt, self.txt.weight), nn.functional.linear(img, linear.weight, linear.bias)], 1
            )

    module: Any = randomised(Functional())
    with pytest.raises(braid.ExportError, match=r"projections=\{'img': module.<its Linear>\}"):
        braid.export(module, tmp_path, images_and_texts())
    braid.export(module, tmp_path, images_and_texts(), projections={"img": module.img[0], "txt": module.txt})
    assert json.loads((tmp_path / "config.json").read_text())["tensor_prefixes"]["img"] == "img.0"


def test_call_runs_the_module_where_forward_takes_something_else(tmp_path: Path) -> None:
    class Batched(Seed):
        def forward(self, batch: list[dict[str, Tensor]]) -> Tensor:  # type: ignore[override]
            return super().forward(batch[0]["visual"][None], batch[0]["text"][None])

    module = randomised(Batched())
    with pytest.raises(braid.ExportError, match="pass call=lambda module, row:"):
        braid.export(module, tmp_path, pair())
    assert not list(tmp_path.iterdir())
    braid.export(module, tmp_path, pair(), call=lambda m, row: m([row]))
    assert (tmp_path / "golden.safetensors").exists()


def test_one_of_several_encoders_is_named(tmp_path: Path) -> None:
    class Towers(Seed):
        def __init__(self) -> None:
            super().__init__()
            self.tower = nn.TransformerEncoder(nn.TransformerEncoderLayer(VISUAL, 2, batch_first=True), 1)

        def fuse(self, visual: Tensor, text: Tensor) -> Tensor:
            return super().forward(visual, text)

        def forward(self, visual: Tensor, text: Tensor) -> Tensor:
            return self.fuse(self.tower(visual), text)

    module: Any = randomised(Towers())
    with pytest.raises(braid.ExportError, match="got 2 .'transformer_encoder', 'tower'.; pass encoder="):
        braid.export(module, tmp_path, pair())
    with pytest.raises(braid.ExportError, match="features of 'visual' as the sample holds them"):
        braid.export(module, tmp_path, pair(), encoder=module.transformer_encoder)
    braid.export(
        module,
        tmp_path,
        pair(),
        encoder=module.transformer_encoder,
        call=lambda m, row: m.fuse(row["visual"][None], row["text"][None]),
    )
    assert json.loads((tmp_path / "config.json").read_text())["modalities"][0]["feature_size"] == VISUAL


def test_the_example_table_holds_the_sample(tmp_path: Path) -> None:
    export("seed", tmp_path)
    table = pq.read_table(tmp_path / "pairs.parquet")
    assert table.column_names == ["id", "visual", "text"]
    assert [str(field.type) for field in table.schema][1] == "list<element: list<element: float>>"
    assert table["id"].to_pylist() == ["row-0", "row-1", "row-2", "row-3"]
    for name, width in (("visual", VISUAL), ("text", TEXT)):
        for stored, row in zip(table[name].to_pylist(), pair()[name]):
            assert torch.equal(torch.tensor(stored).reshape(-1, width), row)
