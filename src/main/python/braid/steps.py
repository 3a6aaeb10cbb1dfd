"""The steps of a `vector_fusion`, run from config and tensors alone. Start at `fused`.

Dimension letters: P rows, D size of a vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from braid.reference import ACTIVATIONS, rms_norm

#: One step, as in config.json.
Step = dict[str, Any]


def fused(steps: list[Step], tensors: Mapping[str, Tensor], row: Mapping[str, Tensor]) -> Tensor:
    """Runs the steps on one vector [P, D] per modality; returns the vector of the last step."""
    vectors = dict(row)
    for step in steps:
        weights = {
            name.rpartition(".")[2]: tensor.float()
            for name, tensor in tensors.items()
            if name.rpartition(".")[0] == step.get("prefix", step["name"])
        }
        vectors[step["name"]] = vector(step, weights, [vectors[name] for name in inputs_of(step)])
    return vectors[steps[-1]["name"]]


def inputs_of(step: Step) -> list[str]:
    """The names of the vectors that a step reads."""
    of = [step["of"]] if isinstance(step["of"], str) else list(step["of"])
    return [*of, *(step[key] for key in ("gate", "weights") if key in step)]


def vector(step: Step, weights: Mapping[str, Tensor], inputs: list[Tensor]) -> Tensor:
    """Runs one step. The last input is the gate of a gate step, or the weights of a weighted sum."""
    x = inputs[0]
    kind = step["kind"]
    if kind == "linear":
        return F.linear(x, weights["weight"], weights.get("bias"))
    if kind == "activation":
        return ACTIVATIONS[step["function"]](x)
    if kind == "norm" and step["norm_type"] == "layer_norm":
        return F.layer_norm(x, x.shape[-1:], weights["weight"], weights.get("bias"), step["eps"])
    if kind == "norm":
        return rms_norm(x, weights["weight"], None, step["eps"])
    if kind == "batch_norm":
        mean, variance = weights["running_mean"], weights["running_var"]
        return F.batch_norm(x, mean, variance, weights["weight"], weights["bias"], eps=step["eps"])
    if kind == "concat":
        return torch.cat(inputs, -1)
    if kind == "bilinear":
        return F.bilinear(x, inputs[1], weights["weight"], weights.get("bias"))
    if kind == "softmax":
        return torch.softmax(x, -1)
    if kind == "weighted_sum":
        shares = inputs[-1].unbind(-1)
        return torch.stack([share[..., None] * y for share, y in zip(shares, inputs)]).sum(0)
    if kind == "gate":
        return inputs[2] * x + (1 - inputs[2]) * inputs[1]
    for other in inputs[1:]:
        x = x + other if kind == "sum" else x * other
    return x
