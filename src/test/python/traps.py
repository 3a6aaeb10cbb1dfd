"""Wrong variants of a model: each must move the outputs of the cases that name it. Start at `wrong_outputs`."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference import Reference, error, pool, run_alone, run_batch

Change = Callable[[Reference], None]

#: Least error that a wrong variant must cause, relative to max(1, |x|).
LEAST_ERROR = 1e-3

#: The two forms of GELU are close.
LEAST_GELU_ERROR = 1e-4


def parameters(module: nn.Module, pattern: str) -> list[Tensor]:
    """Returns the parameters whose names hold the pattern, at least one."""
    found: list[Tensor] = [tensor for name, tensor in module.named_parameters() if re.search(pattern, name)]
    assert found, pattern
    return found


def zero(pattern: str) -> Change:
    def change(module: Reference) -> None:
        for tensor in parameters(module, pattern):
            tensor.zero_()

    return change


def reorder_rows(pattern: str, reorder: Callable[[Tensor], Tensor]) -> Change:
    def change(module: Reference) -> None:
        for tensor in parameters(module, pattern):
            tensor.copy_(reorder(tensor.clone()))

    return change


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
    tanh = module.case.hidden_act == "gelu"
    function: Any = partial(F.gelu, approximate="tanh" if tanh else "none")
    for part in module.modules():
        if isinstance(part, nn.TransformerEncoderLayer):
            part.activation = function
        elif isinstance(part, nn.GELU):
            part.approximate = "tanh" if tanh else "none"
        elif hasattr(part, "intermediate_act_fn"):
            part.intermediate_act_fn = function


def other_norm_order(module: Reference) -> None:
    for part in module.modules():
        if isinstance(part, nn.TransformerEncoderLayer):
            part.norm_first = not part.norm_first


def usual_epsilon(module: Reference) -> None:
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = 1e-12


class NormBehindFirst(nn.Module):
    """Leaves the first token as it is."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, :1], self.norm(x[:, 1:])], dim=1)


def keep_cls_from_norm(module: Reference) -> None:
    module.embedding_layer_norm = NormBehindFirst(module.get_submodule("embedding_layer_norm"))


def add_to_cls(pattern: str) -> Change:
    """Gives the CLS token the first row of the first table that the pattern finds."""

    def change(module: Reference) -> None:
        parameters(module, r"^cls_token$")[0].add_(parameters(module, pattern)[0][0])

    return change


#: Changes to a copy of the model, by the name of the mistake.
CHANGES: dict[str, Change] = {
    "q and k swapped": swap_query_and_key,
    "square matrices transposed": transpose_square_matrices,
    "the other GELU": other_gelu,
    "the other norm order": other_norm_order,
    "epsilon 1e-12": usual_epsilon,
    "CLS token forgotten": zero("cls_token$"),
    "modality rows forgotten": zero("^modality_embeddings"),
    "modality rows swapped": reorder_rows("^modality_embeddings", lambda rows: rows.flip(0)),
    "positions forgotten": zero(r"^position_embeddings|text_embeddings.position|[^_]embeddings\.position_embeddings"),
    "positions counted from 1": reorder_rows(
        r"^position_embeddings|text_embeddings.position|[^_]embeddings\.position_embeddings.weight",
        lambda rows: rows.roll(-1, 0),
    ),
    "CLS left out of the embedding norm": keep_cls_from_norm,
    "modality row added to CLS": add_to_cls("^modality_embeddings"),
    "position row added to CLS": add_to_cls("^position_embeddings"),
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
        case "positions recounted":
            return run_alone(reference, features, keep)
        case "mask ignored":
            return {"fused": reference.run(features).fused[reference.with_leading(keep)]}
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
