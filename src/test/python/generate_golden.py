"""Writes the golden cases: small fusion models with random weights, and what PyTorch makes of random rows.

Start at `main`; what is generated stands in `golden_cases.py`, the model in `fusion_module.py`. Each case becomes a
directory `src/test/resources/golden/<case>` with `config.json`, `model.safetensors` and `golden.safetensors`. The
expected numbers are those of a row run alone, unpadded, in float32. Two checks guard them before they are written: the
same weights run in float64, and run in float32 on one padded and masked batch, must agree within `TOLERANCE`.

    python src/test/python/generate_golden.py

Dimension letters: P rows, S tokens of a row, N tokens of all rows, D hidden size.
"""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from fusion_module import FusionModule, split_heads
from golden_cases import CASES, Case

GOLDEN = Path(__file__).resolve().parents[1] / "resources" / "golden"

#: Largest error, relative to max(1, |x|), allowed between torch's own float32 and float64 results, and between its
#: unpadded and padded ones. A quarter of the 2e-5 that the parity tests allow Braid.
TOLERANCE = 5e-6


def random_weights(module: nn.Module, case: Case, random: np.random.Generator) -> dict[str, Tensor]:
    """Draws every tensor of the module, LayerNorm weights and all biases too, in the dtype it is stored in."""
    scales = dict(case.scales)
    weights = {}
    for name, tensor in module.state_dict().items():
        drawn = random.standard_normal(tuple(tensor.shape))
        if tensor.dim() == 2:
            drawn /= math.sqrt(tensor.shape[1])
        elif name.endswith(("norm1.weight", "norm2.weight")):
            drawn = 1.0 + 0.3 * drawn
        else:
            drawn *= 0.3
        weights[name] = torch.from_numpy(drawn * scales.get(name, 1.0)).to(case.stored_dtype)
    return weights


def random_features(case: Case, random: np.random.Generator) -> dict[str, Tensor]:
    """Draws `<modality>.features` [P, longest S, feature size], zero past a row's length, and `<modality>.lengths`."""
    scales = dict(case.scales)
    inputs = {}
    for modality in case.modalities:
        lengths = torch.tensor(modality.lengths, dtype=torch.int64)
        shape = (case.rows, max(modality.lengths), modality.feature_size)
        name = f"{modality.name}.features"
        drawn = torch.from_numpy(random.standard_normal(shape) * scales.get(name, 1.0)).float()
        drawn[padded(lengths)] = 0.0
        inputs[name] = drawn
        inputs[f"{modality.name}.lengths"] = lengths
    return inputs


def padded(lengths: Tensor) -> Tensor:
    """Returns [P, longest S], true where a position lies past its row's length."""
    return torch.arange(int(lengths.max()))[None, :] >= lengths[:, None]


def rows_alone(case: Case, inputs: dict[str, Tensor]) -> list[list[Tensor]]:
    """Cuts every row out of the padded features: per row one [1, S of the modality, feature size] per modality."""
    return [
        [inputs[f"{modality.name}.features"][row : row + 1, : modality.lengths[row]] for modality in case.modalities]
        for row in range(case.rows)
    ]


def pool(pooling: str, fused: Tensor) -> Tensor:
    """Pools one row's fused tokens [S, D] to [D]."""
    match pooling:
        case "mean":
            return fused.mean(dim=0)
        case "max":
            return fused.amax(dim=0)
        case "cls":
            return fused[0]
        case "last":
            return fused[-1]
    raise ValueError(f"Cannot pool tokens: expected mean, max, cls or last, got {pooling}")


def run_rows(case: Case, module: FusionModule, rows: list[list[Tensor]]) -> dict[str, Tensor]:
    """Runs each row alone. Returns `layers.{i}` and `fused` [N, D], and `pooled` [P, D] where the case pools."""
    outputs = [[x[0] for x in module(row)] for row in rows]
    results = {f"layers.{i}": torch.cat([row[i] for row in outputs]) for i in range(case.layers)}
    results["fused"] = results[f"layers.{case.layers - 1}"].clone()
    if case.pooling != "none":
        results["pooled"] = torch.stack([pool(case.pooling, row[-1]) for row in outputs])
    return results


def run_padded(case: Case, module: FusionModule, inputs: dict[str, Tensor]) -> Tensor:
    """Runs all rows as one padded and masked batch. Returns the fused real tokens [N, D]."""
    features = [inputs[f"{modality.name}.features"] for modality in case.modalities]
    padding = torch.cat([padded(inputs[f"{modality.name}.lengths"]) for modality in case.modalities], dim=1)
    return cast(Tensor, module(features, padding)[-1][~padding])


def error(actual: Tensor, reference: Tensor) -> float:
    """Returns the largest |actual - reference| / max(1, |reference|)."""
    wide = reference.double()
    return float(((actual.double() - wide).abs() / wide.abs().clamp(min=1.0)).max())


def config(case: Case) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "model_type": "fusion_encoder",
        "modalities": [{"name": m.name, "feature_size": m.feature_size} for m in case.modalities],
        "hidden_size": case.hidden_size,
        "num_hidden_layers": case.layers,
        "num_attention_heads": case.heads,
        "intermediate_size": case.intermediate_size,
        "hidden_act": case.hidden_act,
        "layer_norm_eps": case.layer_norm_eps,
        "pooling": case.pooling,
    }
    if case.own_layer:
        keys["attention_output_projection"] = False
    if case.tensor_prefixes:
        keys["tensor_prefixes"] = dict(case.tensor_prefixes)
    return {key: value for key, value in keys.items() if key not in case.config_omits}


def stored_name(case: Case, name: str) -> str:
    for old, new in case.renames:
        name = name.replace(old, new)
    return name


def generate(case: Case) -> str:
    """Writes one case's directory and returns its line of the README's table."""
    random = np.random.default_rng(case.seed)
    module = FusionModule(case).eval()
    weights = random_weights(module, case, random)
    module.load_state_dict(weights)
    inputs = random_features(case, random)
    rows = rows_alone(case, inputs)
    if case.name in STILL_HOLDS:
        STILL_HOLDS[case.name](module, rows)

    results = run_rows(case, module, rows)
    in_float64 = run_rows(case, copy.deepcopy(module).double(), [[x.double() for x in row] for row in rows])
    error64 = max(error(results[name], in_float64[name]) for name in results)
    error_padded = error(results["fused"], run_padded(case, module, inputs))
    for what, measured in (("float64", error64), ("padded batch", error_padded)):
        if not measured <= TOLERANCE:
            raise AssertionError(f"Cannot write case '{case.name}': expected {TOLERANCE} ({what}), got {measured}")

    directory = GOLDEN / case.name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config(case), indent=2) + "\n", encoding="utf-8")
    named = {stored_name(case, name): tensor for name, tensor in weights.items()}
    save_file(named, directory / "model.safetensors", metadata={"format": "pt"})
    golden = {name: tensor.contiguous() for name, tensor in (inputs | results).items()}
    save_file(golden, directory / "golden.safetensors", metadata={"format": "pt"})

    sizes = f"{case.hidden_size} / {case.heads} / {case.layers} / {case.intermediate_size}"
    counts = f"{case.rows} / {len(results['fused'])}"
    kib = sum(file.stat().st_size for file in directory.iterdir()) / 1024
    return (
        f"| `{case.name}` | {case.hazard} | {sizes} | {counts} | {case.pooling} "
        f"| {error64:.1e} | {error_padded:.1e} | {kib:.0f} |"
    )


def attention_is_nearly_one_hot(module: FusionModule, rows: list[list[Tensor]]) -> None:
    """Asserts that every layer has a logit whose exp overflows float32, and attention weights near 0 or 1."""
    layers = cast(list[nn.TransformerEncoderLayer], module.layers)
    logits: list[list[Tensor]] = [[] for _ in layers]
    for row in rows:
        inputs = [module.tokens(row), *module(row)]
        for i, layer in enumerate(layers):
            attention = layer.self_attn
            qkv = F.linear(inputs[i], attention.in_proj_weight, attention.in_proj_bias)
            query, key, _ = (split_heads(x, attention.num_heads) for x in qkv.chunk(3, dim=-1))
            logits[i].append(query @ key.transpose(-2, -1) / math.sqrt(attention.head_dim))
    for of_layer in logits:
        assert max(float(x.max()) for x in of_layer) > 100.0
        weights = torch.cat([torch.softmax(x, dim=-1).amax(dim=-1).flatten() for x in of_layer])
        assert float(weights.mean()) > 0.99


def visual_projection_is_subnormal(module: FusionModule, rows: list[list[Tensor]]) -> None:
    """Asserts that every weight of the visual projection is subnormal in float16."""
    weight = cast(Tensor, module.state_dict()["visual_extractor.model_net.weight"])
    assert float(weight.abs().max()) < torch.finfo(torch.float16).smallest_normal


#: Checks that a case still holds its hazard, by the case's name.
STILL_HOLDS = {
    "extreme-values": attention_is_nearly_one_hot,
    "weights-f16": visual_projection_is_subnormal,
}


def main() -> None:
    """Writes every case and the table of the README from its heading `## Cases` to the end."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        lines = [generate(case) for case in CASES]
    readme = GOLDEN / "README.md"
    prose, _, _ = readme.read_text(encoding="utf-8").partition("## Cases\n")
    heading = (
        "| case | hazard | hidden / heads / layers / feed-forward | rows / tokens | pooling "
        "| error against float64 | error against a padded batch | KiB |"
    )
    table = "\n".join([heading, "|---|---|---|---|---|---|---|---|", *lines])
    readme.write_text(f"{prose}## Cases\n\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
