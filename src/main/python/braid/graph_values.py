"""What the nodes of a module's graph can be, other than a vector that a step makes. Start at `NodeValue`.

Dimension letters: P rows, M vectors side by side, D size of a vector.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Union

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

#: The names of activations that are functions or methods.
FUNCTIONS: dict[Any, str] = {
    torch.relu: "relu",
    F.relu: "relu",
    "relu": "relu",
    F.silu: "silu",
    torch.tanh: "tanh",
    F.tanh: "tanh",
    "tanh": "tanh",
    torch.sigmoid: "sigmoid",
    F.sigmoid: "sigmoid",
    "sigmoid": "sigmoid",
}

#: The names of activations that are modules.
MODULES: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.SiLU: "silu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid"}


@dataclass(frozen=True)
class Complement:
    """1 - gate, alone or times another vector: part of a gate that is not a step yet."""

    gate: str
    other: str | None = None


@dataclass(frozen=True)
class Share:
    """One number of a vector of weights, [P, 1]; if `flat`, [P]."""

    weights: str
    index: int
    flat: bool = False


@dataclass(frozen=True)
class WeightedVectors:
    """A sum of weighted vectors that is not a step yet: each vector by the index of its weight."""

    weights: str
    vectors: tuple[tuple[int, str], ...]

    def whole(self) -> list[str] | None:
        """All vectors in the order of their weights; None if one is missing."""
        in_order = sorted(self.vectors)
        return [name for _, name in in_order] if [i for i, _ in in_order] == list(range(len(in_order))) else None


@dataclass(frozen=True)
class Stack:
    """Vectors of one size side by side, [P, M, D]. If `weights` is set, each is multiplied with a number of its own."""

    vectors: tuple[str, ...]
    weights: str | None = None


@dataclass(frozen=True)
class StackedShares:
    """A vector of weights as [P, M, 1]."""

    weights: str


#: What a node of the graph stands for: the row itself, a vector by its name, or one of these.
NodeValue = Union[None, str, Complement, Share, WeightedVectors, Stack, StackedShares]


def column_of(key: Any) -> tuple[int, bool] | None:
    """The column that an index [:, key] takes, and whether it drops the axis; None for other indices."""
    if not isinstance(key, tuple) or not key or key[0] not in (slice(None), Ellipsis):
        return None
    rest = key[1:]
    if len(rest) == 2 and isinstance(rest[0], int) and rest[1] is None and rest[0] >= 0:
        return rest[0], False
    if len(rest) != 1:
        return None
    (only,) = rest
    if isinstance(only, int):
        return (only, True) if only >= 0 else None
    if isinstance(only, slice) and only.step is None:
        start = only.start or 0
        return (start, False) if isinstance(start, int) and only.stop == start + 1 else None
    return None


def path_in(node: fx.Node) -> str:
    """The path, in the module, of the part that a node of `Root`'s graph refers to."""
    return str(node.target)[len("module.") :]


def affine(part: Any, size: int) -> dict[str, Tensor | None]:
    """The weight and bias of a norm; the weight is ones if the norm has none."""
    weight = torch.ones(size) if part.weight is None else part.weight
    return {"weight": weight, "bias": getattr(part, "bias", None)}


def operation(node: fx.Node) -> str:
    target: Union[str, Callable[..., Any]] = node.target
    return f"'{target}'" if isinstance(target, str) else f"'{getattr(target, '__name__', target)}'"


def code_line(node: fx.Node) -> str:
    """The line of the module's code that makes a node, `, fusion.py line 12: x = a - b`; empty if it is unknown."""
    found = re.findall(r'File "([^"]*)", line (\d+), in [^\n]*\n\s*([^\n]*)', node.stack_trace or "")
    own = [(file, number, code) for file, number, code in found if "/torch/" not in file and Path(file).parent != Path(__file__).parent]
    if not own:
        return ""
    file, number, code = own[-1]
    return f", {Path(file).name} line {number}: {code}"
