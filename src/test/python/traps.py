"""Wrong variants of a model: each must move the outputs of the cases that name it. Start at `wrong_outputs`."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion_layers import GroupedAttention, Layer, Rotation
from llama_layers import ProjectedAttention
from reference import Reference, error, pool, run_alone, run_batch
from stream_module import StreamModule

Change = Callable[[Reference], None]

#: Least error that a wrong variant must cause, relative to the root mean square of its row.
LEAST_ERROR = 1e-3

#: The two forms of GELU are close.
LEAST_GELU_ERROR = 1e-4


def parameters(module: nn.Module, patterns: tuple[str, ...]) -> list[Tensor]:
    """Returns the parameters whose names hold the first of the patterns that any name holds."""
    named = [*module.named_parameters(), *module.named_buffers()]
    for pattern in patterns:
        found: list[Tensor] = [tensor for name, tensor in named if re.search(pattern, name)]
        if found:
            return found
    raise AssertionError(f"Cannot make a mistake: expected a parameter like {patterns}, got {[n for n, _ in named]}")


def zero(patterns: tuple[str, ...]) -> Change:
    def change(module: Reference) -> None:
        for tensor in parameters(module, patterns):
            tensor.zero_()

    return change


def reorder_rows(patterns: tuple[str, ...], reorder: Callable[[Tensor], Tensor]) -> Change:
    def change(module: Reference) -> None:
        for tensor in parameters(module, patterns):
            tensor.copy_(reorder(tensor.clone()))

    return change


def next_row(rows: Tensor) -> Tensor:
    return rows.roll(-1, 0)


def swap_query_and_key(module: Reference) -> None:
    named = dict(module.named_parameters())
    for name, tensor in named.items():
        if "in_proj" in name:
            query, key, value = tensor.clone().chunk(3)
            tensor.copy_(torch.cat([key, query, value]))
        elif "query" in name:
            key = named[name.replace("query", "key")]
            old = tensor.clone()
            tensor.copy_(key)
            key.copy_(old)


def transpose_square_matrices(module: Reference) -> None:
    for name, tensor in module.named_parameters():
        if "embeddings" in name or tensor.dim() != 2:
            continue
        blocks = tensor.clone().chunk(3) if "in_proj" in name else (tensor.clone(),)
        if blocks[0].shape[0] == blocks[0].shape[1]:
            tensor.copy_(torch.cat([block.T for block in blocks]))


def other_gelu(module: Reference) -> None:
    """Puts tanh GELU in the place of erf GELU, and the other way round."""
    approximate = "tanh" if module.case.hidden_act == "gelu" else "none"
    for part in module.modules():
        if isinstance(part, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)):
            part.activation = nn.GELU(approximate)
        elif isinstance(part, nn.GELU):
            part.approximate = approximate
        elif hasattr(part, "intermediate_act_fn"):
            part.intermediate_act_fn = nn.GELU(approximate)


def other_norm_order(module: Reference) -> None:
    for part in module.modules():
        if hasattr(part, "norm_first"):
            part.norm_first = not part.norm_first


def usual_epsilon(module: Reference) -> None:
    for part in module.modules():
        if isinstance(part, (nn.LayerNorm, nn.RMSNorm)):
            part.eps = 1e-12


def subtract_mean(module: Reference) -> None:
    """Makes every RMSNorm subtract the mean, as a LayerNorm does."""
    for part in module.modules():
        if isinstance(part, nn.RMSNorm):
            part.register_forward_pre_hook(lambda _, inputs: (inputs[0] - inputs[0].mean(dim=-1, keepdim=True),))


def swap_gate_and_up(module: Reference) -> None:
    for part in module.modules():
        if isinstance(part, Layer):
            part.linear1, part.linear3 = cast(nn.Linear, part.linear3), part.linear1


def forget_gate(module: Reference) -> None:
    for part in module.modules():
        if isinstance(part, Layer):
            part.linear3 = None


def rotate_otherwise(change: Callable[[Rotation], None]) -> Change:
    def change_all(module: Reference) -> None:
        for part in module.modules():
            if isinstance(part, Rotation):
                change(part)

    return change_all


def forget_rotation(module: Reference) -> None:
    for part in module.modules():
        if isinstance(part, (GroupedAttention, ProjectedAttention)):
            part.rotation = None


def other_pairs(rotation: Rotation) -> None:
    rotation.pairs = "half" if rotation.pairs == "interleaved" else "interleaved"


def usual_theta(rotation: Rotation) -> None:
    rotation.theta = 10000.0


def reorder_key_heads(module: Reference) -> None:
    """Deals the heads of keys and values to the query heads in turn."""
    for part in module.modules():
        if isinstance(part, GroupedAttention):
            by_head = part.query_proj.weight.clone().unflatten(0, (part.heads, -1))
            order = torch.arange(part.heads).unflatten(0, (part.key_heads, -1)).T.flatten()
            part.query_proj.weight.copy_(by_head[order].flatten(0, 1))


def count_per_modality(module: Reference) -> None:
    """Begins every modality at position 0."""

    def positions(features: list[Tensor], keep: list[Tensor] | None) -> Tensor:
        counted = [torch.arange(x.shape[1]) for x in features]
        return torch.cat([torch.arange(module.leading), *counted]).expand(len(features[0]), -1)

    module.positions = positions


class NormBehindFirst(nn.Module):
    """Leaves the first token as it is."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, :1], self.norm(x[:, 1:])], dim=1)


def keep_first_bottleneck(module: Reference) -> None:
    """Hands on what the first stream made of the bottleneck, not the mean."""
    assert isinstance(module, StreamModule)
    module.averaged = 1


def run_one_after_the_other(module: Reference) -> None:
    """Lets the second of two streams attend to what the layer made of the first one."""
    assert isinstance(module, StreamModule)
    module.simultaneous = False


def keep_cls_from_norm(module: Reference) -> None:
    module.embedding_layer_norm = NormBehindFirst(module.get_submodule("embedding_layer_norm"))


def add_to_cls(patterns: tuple[str, ...]) -> Change:
    """Gives the CLS token the first row of a table."""

    def change(module: Reference) -> None:
        parameters(module, CLS)[0].add_(parameters(module, patterns)[0][0])

    return change


#: Where the model kinds keep the same things; the first pattern that finds a tensor counts.
CLS = (r"^cls_token$", r"multimodal_model\.cls_token", r"mm_encoder\.cls_token")
POSITIONS = (r"^position_embeddings", r"^row_positions", r"^sinusoids", r"text_embeddings\.position_embeddings", r"\bembeddings\.position_embeddings")
MODALITIES = (r"^modality_embeddings", r"\bembeddings\.token_type")
TEXT_TYPES = (r"text_embeddings\.token_type", r"\bembeddings\.token_type")
VISUAL_POSITIONS = (r"visual_position_embeddings",)
VISUAL_TYPES = (r"visual_token_type_embeddings",)

#: Changes to a copy of the model, by the name of the mistake.
CHANGES: dict[str, Change] = {
    "q and k swapped": swap_query_and_key,
    "square matrices transposed": transpose_square_matrices,
    "the other GELU": other_gelu,
    "the other norm order": other_norm_order,
    "epsilon 1e-12": usual_epsilon,
    "mean subtracted": subtract_mean,
    "gate and up swapped": swap_gate_and_up,
    "gate forgotten": forget_gate,
    "gate turned": reorder_rows((r"gate",), torch.neg),
    "scores turned": reorder_rows((r"scores",), torch.neg),
    "outputs of a bilinear map shifted": reorder_rows((r"first.weight",), next_row),
    "running statistics forgotten": zero((r"running_mean",)),
    "rotation forgotten": forget_rotation,
    "the other rotary pairs": rotate_otherwise(other_pairs),
    "theta 10000": rotate_otherwise(usual_theta),
    "key heads in another order": reorder_key_heads,
    "positions counted per modality": count_per_modality,
    "CLS token forgotten": zero(CLS),
    "learned tokens forgotten": zero((r"^\w+_tokens$",)),
    "modality rows forgotten": zero(MODALITIES),
    "modality rows swapped": reorder_rows(MODALITIES, torch.flipud),
    "positions forgotten": zero(POSITIONS),
    "boxes forgotten": zero((r"pos_linear",)),
    "positions counted from 1": reorder_rows(POSITIONS, next_row),
    "text type row forgotten": zero(TEXT_TYPES),
    "text type row 1 for 0": reorder_rows(TEXT_TYPES, torch.flipud),
    "visual position row forgotten": zero(VISUAL_POSITIONS),
    "visual position row 1 for 0": reorder_rows(VISUAL_POSITIONS, next_row),
    "visual type row forgotten": zero(VISUAL_TYPES),
    "visual type row 0 for 1": reorder_rows(VISUAL_TYPES, torch.flipud),
    "bottleneck not averaged": keep_first_bottleneck,
    "located boxes forgotten": zero((r"box_fc", r"^box_projection")),
    "word embeddings shifted": reorder_rows((r"embeddings\.word_embeddings", r"^word_embeddings"), next_row),
    "one stream after the other": run_one_after_the_other,
    "CLS left out of the embedding norm": keep_cls_from_norm,
    "modality row added to CLS": add_to_cls(MODALITIES),
    "position row added to CLS": add_to_cls(POSITIONS),
}


def pooled_otherwise(
    reference: Reference, keep: list[Tensor], fused: Tensor, change: Callable[[Tensor, int], Tensor]
) -> dict[str, Tensor]:
    """Pools what `change` makes of every row's tokens [S, D] and the number of positions of the padded batch."""
    kept = reference.with_leading(keep)
    rows = torch.split(fused, kept.sum(dim=1).tolist())
    pooled = [pool(reference.case.pooling, change(row, kept.shape[1])) for row in rows]
    return {"pooled": torch.stack([row for row in pooled if row is not None])}


def with_zeros(row: Tensor, positions: int) -> Tensor:
    return F.pad(row, (0, 0, 0, positions - len(row)))


def wrong_outputs(
    name: str, reference: Reference, features: list[Tensor], keep: list[Tensor], results: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Returns what the model gives with the named mistake; `results` are the right outputs."""
    run = run_batch if reference.case.masked else run_alone
    match name:
        case "final norm forgotten":
            return {"fused": results[f"layers.{reference.case.layers - 1}"]}
        case "features after the encoders' LayerNorm":
            return run(reference, reference.normalised, keep)
        case "positions recounted":
            return run_alone(reference, features, keep)
        case "mask ignored":
            unmasked = reference.run(features)
            rows = range(reference.case.rows)
            return {"fused": torch.cat([reference.fused_of(unmasked, row, keep) for row in rows])}
        case "CLS left out of pooling":
            return pooled_otherwise(reference, keep, results["fused"], lambda row, _: row[reference.leading :])
        case "padded zeros pooled":
            return pooled_otherwise(reference, keep, results["fused"], with_zeros)
    wrong = copy.deepcopy(reference)
    CHANGES[name](wrong)
    return run(wrong, features, keep)


def measure(
    name: str, reference: Reference, features: list[Tensor], keep: list[Tensor], results: dict[str, Tensor]
) -> float:
    """Returns the largest error that the named mistake causes; refuses one too small to be seen."""
    wrong = wrong_outputs(name, reference, features, keep, results)
    seen = max(error(wrong[what], results[what]) for what in ("fused", "pooled") if what in wrong and what in results)
    least = LEAST_GELU_ERROR if name == "the other GELU" else LEAST_ERROR
    if not seen > least:
        raise AssertionError(f"Cannot write case '{reference.case.name}': {name} expected to cause {least}, got {seen}")
    return seen
