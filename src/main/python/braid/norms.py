"""Recognises norms by the numbers that they compute, whatever the name of their class. Start at `read_norm`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from braid.errors import ExportError
from braid.golden import error
from braid.reference import NORMS

#: What norms call their epsilon, and the values to try if a norm does not tell it; torch's RMSNorm then takes float32's
#: own.
_EPS_NAMES = ("eps", "variance_epsilon", "epsilon")
_USUAL_EPS = (1e-5, 1e-6, 1e-8, 1e-12, torch.finfo(torch.float32).eps)

#: Largest error between a norm and its formula; with another epsilon the smallest probe differs by 5e-3.
_SAME = 1e-4


@dataclass(frozen=True)
class Norm:
    """A norm over the hidden size: its kind, as `norm_type` names it, and its tensors."""

    type: str
    eps: float
    weight: Tensor
    bias: Tensor | None


def may_be_norm(part: Any) -> bool:
    """Whether a module has a norm's parameters and nothing else."""
    names = {name for name, _ in part.named_parameters()}
    weight: Any = getattr(part, "weight", None)
    return names in ({"weight"}, {"weight", "bias"}) and weight.dim() == 1 and not isinstance(part, nn.Linear)


def read_norm(subject: str, part: Any) -> Norm:
    """The norm that a module is, by its numbers for random tokens. Some tokens are so small that epsilon shows."""
    if may_be_norm(part):
        weight, bias = part.weight.detach(), None if getattr(part, "bias", None) is None else part.bias.detach()
        if isinstance(part, nn.LayerNorm):
            return Norm("layer_norm", part.eps, weight, bias)
        for kind, eps in computed_by(part, weight, bias):
            return Norm(kind, eps, weight, bias)
    raise ExportError(subject, "a LayerNorm or RMSNorm with a weight over the hidden size", repr(part))


def computed_by(part: Any, weight: Tensor, bias: Tensor | None) -> Iterator[tuple[str, float]]:
    """The kinds and epsilons whose formula gives the module's numbers."""
    alone = copy.deepcopy(part).to("cpu", torch.float32).eval()
    w = weight.to("cpu", torch.float32)
    b = None if bias is None else bias.to("cpu", torch.float32)
    scales = torch.tensor([[1e-3], [1e-2], [1.0], [10.0]])
    tokens = scales * torch.randn(len(scales), len(weight), generator=torch.Generator().manual_seed(5))
    try:
        with torch.no_grad():
            computed = alone(tokens)
    except Exception:  # not a norm of tokens
        return
    own = [getattr(part, name) for name in _EPS_NAMES if isinstance(getattr(part, name, None), float)]
    for kind, formula in NORMS.items():
        for eps in (*own, *_USUAL_EPS):
            if isinstance(computed, Tensor) and error(computed, formula(tokens, w, b, eps)) <= _SAME:
                yield kind, eps
