"""Writes the golden cases: small fusion models with random weights, and what PyTorch makes of random rows.

Start at `main`; what is generated stands in the modules `*_cases.py`, the models in `fusion_module.py`, `huggingface.py`
and `torchmultimodal_flava.py`. Each case becomes a directory `src/test/resources/golden/<case>` with `config.json`, the
weights and `golden.safetensors`. The expected numbers are those of a row run alone, unpadded, in float32; with a mask,
those of one padded and masked batch. Three checks guard them before they are written: the same weights run in float64
must agree within `TOLERANCE`, a padded batch with other values at its padding too, and every wrong variant that the case
names must differ (`traps.py`).

    python src/test/python/generate_golden.py

Dimension letters: P rows, S tokens of a row, N tokens of all rows, D hidden size.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers.utils.logging import disable_progress_bar

from fusion_cases import FUSION_CASES
from fusion_layers import split_heads
from fusion_module import FusionModule
from golden_case import Case, FusionCase
from huggingface import HuggingFaceCase, huggingface_reference
from huggingface_cases import HUGGINGFACE_CASES
from later_cases import LATER_CASES
from lxmert import LXMERT_CASES, LxmertCase, LxmertReference
from reference import Reference, error, run_alone, run_batch
from seed_cases import SEED_CASES
from stream_cases import STREAM_CASES
from stream_case import StreamCase
from stream_module import StreamModule
from torchmultimodal_flava import TORCHMULTIMODAL_CASES, TorchMultimodalCase, TorchMultimodalReference
from traps import measure
from uniter import UNITER_CASES, UniterCase, UniterReference
from vector_cases import VECTOR_CASES
from vector_module import VectorCase, VectorModule

GOLDEN = Path(__file__).resolve().parents[1] / "resources" / "golden"

#: Largest error, relative to the root mean square of its row, allowed between torch's own float32 and float64 results, and
#: between its unpadded and padded ones. A quarter of the 2e-5 that the parity tests allow Braid.
TOLERANCE = 5e-6

CASES: tuple[Case, ...] = (
    *SEED_CASES,
    *FUSION_CASES,
    *LATER_CASES,
    *HUGGINGFACE_CASES,
    *LXMERT_CASES,
    *TORCHMULTIMODAL_CASES,
    *STREAM_CASES,
    *VECTOR_CASES,
    *UNITER_CASES,
)


def reference_of(case: Case) -> Reference:
    match case:
        case FusionCase():
            return FusionModule(case)
        case LxmertCase():
            return LxmertReference(case)
        case StreamCase():
            return StreamModule(case)
        case VectorCase():
            return VectorModule(case)
        case HuggingFaceCase():
            return huggingface_reference(case)
        case TorchMultimodalCase():
            return TorchMultimodalReference(case)
        case UniterCase():
            return UniterReference(case)
    raise TypeError(f"Cannot build case '{case.name}': expected a known kind, got {type(case).__name__}")


def random_weights(module: nn.Module, case: Case, random: np.random.Generator) -> dict[str, Tensor]:
    """Draws every tensor of the module, LayerNorm weights and all biases too, in the dtype it is stored in."""
    scales = dict(case.scales)
    weights = {}
    for name, tensor in module.named_parameters():
        drawn = np.asarray(random.standard_normal(tuple(tensor.shape)))
        if tensor.dim() == 2:
            drawn = drawn / math.sqrt(tensor.shape[1])
        elif tensor.dim() == 1 and name.endswith("weight"):
            drawn = 1.0 + 0.3 * drawn
        else:
            drawn = 0.3 * drawn
        weights[name] = torch.from_numpy(np.asarray(drawn * scales.get(name, 1.0))).to(case.stored_dtype)
        tensor.copy_(weights[name])
    return weights


def generate(case: Case) -> str:
    """Writes one case's directory and returns its line of the README's table."""
    random = np.random.default_rng(case.seed)
    reference = reference_of(case).eval()
    weights = random_weights(reference, case, random)
    drawn = reference.features(random)
    features = list(drawn.values())
    keep = [modality.keep() for modality in case.modalities]
    if case.name in STILL_HOLDS:
        STILL_HOLDS[case.name](reference, features)

    run = run_batch if case.masked else run_alone
    results = run(reference, features, keep)
    in_float64 = run(reference.in_float64(), [x.double() for x in features], keep)
    other_padding = [x.masked_fill(~kept[..., None], 0.7) for x, kept in zip(features, keep, strict=True)]
    in_batch = run_batch(reference, other_padding, keep)
    error64 = max(error(results[name], in_float64[name]) for name in results)
    error_padded = max(error(results[name], in_batch[name]) for name in results)
    for what, measured in (("float64", error64), ("padded batch", error_padded)):
        if not measured <= TOLERANCE:
            raise AssertionError(f"Cannot write case '{case.name}': expected {TOLERANCE} ({what}), got {measured}")
    seen = {name: measure(name, reference, features, keep, results) for name in case.wrong_variants()}

    directory = GOLDEN / case.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    reference.save(directory, weights)
    golden = dict(results)
    for modality in case.modalities:
        golden |= modality.stored(drawn[modality.name]) | modality.lengths_and_mask()
    golden = {name: tensor.contiguous() for name, tensor in golden.items()}
    save_file(golden, directory / "golden.safetensors", metadata={"format": "pt"})

    sizes = f"{case.hidden_size} / {case.heads} / {case.layers} / {case.intermediate_size}"
    counts = f"{case.rows} / {len(results['fused'])}"
    mistakes = "; ".join(f"{name} {measured:.2g}" for name, measured in seen.items())
    kib = sum(file.stat().st_size for file in directory.iterdir()) / 1024
    return (
        f"| `{case.name}` | {case.hazard} | {sizes} | {counts} | {case.pooling} "
        f"| {error64:.1e} | {error_padded:.1e} | {mistakes} | {kib:.0f} |"
    )


def attention_is_nearly_one_hot(reference: Reference, features: list[Tensor]) -> None:
    """Asserts that every layer has a logit whose exp overflows float32, and attention weights near 0 or 1."""
    assert isinstance(reference, FusionModule)
    layers = cast(list[nn.TransformerEncoderLayer], reference.layers)
    logits: list[list[Tensor]] = [[] for _ in layers]
    for row in range(reference.case.rows):
        cut = [x[row : row + 1, : m.lengths[row]] for x, m in zip(features, reference.case.modalities, strict=True)]
        inputs = [reference.tokens(cut), *reference.run(cut).layers]
        for i, layer in enumerate(layers):
            attention = layer.self_attn
            qkv = F.linear(inputs[i], attention.in_proj_weight, attention.in_proj_bias)
            query, key, _ = (split_heads(x, attention.num_heads) for x in qkv.chunk(3, dim=-1))
            logits[i].append(query @ key.transpose(-2, -1) / math.sqrt(attention.head_dim))
    for of_layer in logits:
        assert max(float(x.max()) for x in of_layer) > 100.0
        weights = torch.cat([torch.softmax(x, dim=-1).amax(dim=-1).flatten() for x in of_layer])
        assert float(weights.mean()) > 0.99


def visual_projection_is_subnormal(reference: Reference, features: list[Tensor]) -> None:
    """Asserts that every weight of the visual projection is subnormal in float16."""
    weight = cast(Tensor, reference.state_dict()["visual_extractor.model_net.weight"])
    assert float(weight.abs().max()) < torch.finfo(torch.float16).smallest_normal


def fused_path_leaves_zeros(reference: Reference, features: list[Tensor]) -> None:
    """Asserts that torch's fused inference path gives zeros at padded positions, and the same at real ones."""
    assert isinstance(reference, FusionModule)
    encoder = cast(nn.TransformerEncoder, reference.transformer_encoder)
    keep = [modality.keep() for modality in reference.case.modalities]
    expected = reference.run(features, keep).fused
    torch.backends.mha.set_fastpath_enabled(True)
    encoder.enable_nested_tensor = encoder.use_nested_tensor = True
    fused = encoder(reference.tokens(features), src_key_padding_mask=~torch.cat(keep, dim=1))
    encoder.enable_nested_tensor = encoder.use_nested_tensor = False
    torch.backends.mha.set_fastpath_enabled(False)
    assert not bool(fused[~keep[0]].any())
    assert bool(expected[~keep[0]].any())
    assert error(fused[keep[0]], expected[keep[0]]) <= TOLERANCE


#: Checks that a case still holds its hazard, by the case's name.
STILL_HOLDS = {
    "extreme-values": attention_is_nearly_one_hot,
    "weights-f16": visual_projection_is_subnormal,
    "padded-zeros": fused_path_leaves_zeros,
}


def main() -> None:
    """Writes every case and the table of the README from its heading `## Cases` to the end."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.mha.set_fastpath_enabled(False)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        lines = [generate(case) for case in CASES]
    readme = GOLDEN / "README.md"
    prose, _, _ = readme.read_text(encoding="utf-8").partition("## Cases\n")
    heading = (
        "| case | hazard | hidden / heads / layers / feed-forward | rows / tokens | pooling "
        "| error against float64 | error against a padded batch | mistakes and the error they cause | KiB |"
    )
    table = "\n".join([heading, "|---|---|---|---|---|---|---|---|---|", *lines])
    readme.write_text(f"{prose}## Cases\n\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
