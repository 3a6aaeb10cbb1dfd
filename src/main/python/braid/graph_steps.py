"""Reads the operations of a module's graph as steps of a `vector_fusion`. Start at `Steps`.

Dimension letters: P rows, M vectors side by side, D size of a vector.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any, Callable

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from braid.errors import ExportError, quoted
from braid.graph_values import (
    FUNCTIONS,
    MODULES,
    Complement,
    NodeValue,
    Share,
    Stack,
    StackedShares,
    WeightedVectors,
    affine,
    code_line,
    column_of,
    operation,
    path_in,
)
from braid.steps import Step, inputs_of
from braid.wrappers import Parts

_STEPS = (
    "operations that are steps (linear, bilinear, activation, norm, batch_norm, concat, sum, product, gate, softmax, "
    "weighted_sum in models.md)"
)
_ALONE = "pass a call= that runs only what makes the fused vector, if this is not a part of it"

_ADD = (operator.add, operator.iadd, torch.add, "add", "add_")
_MULTIPLY = (operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "mul_", "multiply")
_SUBTRACT = (operator.sub, torch.sub, torch.subtract, torch.rsub)
_SOFTMAX = (torch.softmax, F.softmax, "softmax")
_TOTAL = (torch.sum, "sum")
_CONCATENATE = (torch.cat, torch.concat, torch.concatenate)
_SAME = (nn.Dropout, nn.AlphaDropout, nn.Identity)


class Steps:
    """Reads a graph node by node. Keeps only steps that the output depends on."""

    def __init__(self, subject: str, names: list[str], parts: Parts, graph: fx.Graph) -> None:
        self.subject = subject
        self.names = names
        self.parts = parts
        self.graph = graph
        self.values: dict[fx.Node, NodeValue] = {}
        self.steps: dict[str, Step] = {}
        self.tensors: dict[str, dict[str, Tensor]] = {}

    def read(self) -> tuple[list[Step], dict[str, Tensor]]:
        output: NodeValue = None
        for node in self.graph.nodes:
            if node.op == "output":
                (returned,) = [part for part in node.all_input_nodes] or [None]
                output = self.vector(node, self.of(returned))
            elif node.op == "get_attr":
                raise self.refused(node, f"'{path_in(node)}', a parameter or buffer of its own")
            else:
                self.values[node] = None if node.op == "placeholder" else self.value(node)
        if not isinstance(output, str) or output not in self.steps:
            raise ExportError(self.subject, "a fused vector that a step makes", "a vector as it entered, or 1 - gate")
        return self.needed(output)

    def needed(self, output: str) -> tuple[list[Step], dict[str, Tensor]]:
        """The steps that the output depends on. The last one is renamed `fused`, unless another step has this name."""
        names = {output}
        kept: list[Step] = []
        for step in reversed(self.steps.values()):
            if step["name"] in names:
                names.update(inputs_of(step))
                kept.insert(0, step)
        unread = [name for name in self.names if name not in names]
        if unread:
            raise ExportError(self.subject, "a fused vector that depends on every modality", f"one without {quoted(unread)}")
        if not self.taken("fused"):
            kept[-1]["name"] = "fused"
        prefixes = dict.fromkeys(step["prefix"] for step in kept if "prefix" in step)
        tensors = {f"{path}.{name}": x for path in prefixes for name, x in self.tensors[path].items()}
        return kept, tensors

    def value(self, node: fx.Node) -> NodeValue:
        if node.op == "call_module":
            return self.module(node)
        if node.target is operator.getitem:
            return self.item(node)
        arguments = [*node.args, *node.kwargs.values()]
        if node.target in FUNCTIONS:
            function = FUNCTIONS[node.target]
            return self.each(node, arguments[0], lambda x: self.add(node, "activation", x, function=function))
        stacked = self.stacked(node, arguments)
        if stacked is not None:
            return stacked
        if node.target is F.gelu:
            approximate = str(node.kwargs.get("approximate", "none"))
            return self.each(node, arguments[0], lambda x: self.gelu(node, approximate, x))
        if node.target is F.dropout and node.kwargs.get("training") is False:
            return self.values[node.all_input_nodes[0]]
        if node.target in _CONCATENATE:
            return self.concat(node)
        if node.target is torch.lerp and len(node.args) == 3:
            start, end, gate = (self.name_of(node, x) for x in node.args)
            return self.add(node, "gate", [end, start], gate=gate)
        if len(arguments) == 2:
            if node.target in _SUBTRACT:
                return self.complement(node, arguments)
            if node.target in _ADD:
                return self.sum(node, arguments)
            if node.target in _MULTIPLY:
                return self.product(node, arguments)
        raise self.refused(node, operation(node))

    def each(self, node: fx.Node, argument: Any, make: Callable[[str], str]) -> NodeValue:
        """Applies `make` to a vector, or to each vector of a stack."""
        value = self.of(argument)
        if isinstance(value, Stack) and value.weights is None:
            return Stack(tuple(make(name) for name in value.vectors))
        return make(self.name_of(node, argument))

    def item(self, node: fx.Node) -> NodeValue:
        source, key = node.args
        if isinstance(source, fx.Node) and source.op == "placeholder" and isinstance(key, str) and key in self.names:
            return key
        value, column = self.of(source), column_of(key)
        if column is not None and isinstance(value, str):
            return Share(value, *column)
        if column is not None and column[1] and isinstance(value, Stack) and value.weights is None and column[0] < len(value.vectors):
            return value.vectors[column[0]]
        raise self.refused(node, f"item {key!r} of something else than the row's modalities, a stack or weights")

    def stacked(self, node: fx.Node, arguments: list[Any]) -> NodeValue:
        """The result of an operation on stacked vectors, or on their weights; None for other operations."""
        axis = node.kwargs.get("dim", node.kwargs.get("axis", node.args[1] if len(node.args) > 1 else None))
        value = self.of(arguments[0]) if arguments else None
        if node.target is torch.stack and axis in (1, -2):
            vectors = node.args[0] if node.args else node.kwargs["tensors"]
            return Stack(tuple(self.name_of(node, x) for x in vectors))  # type: ignore[union-attr]
        if node.target in _SOFTMAX:
            return self.softmax(node, value, axis)
        if node.target in ("squeeze", torch.squeeze) and isinstance(value, Stack) and axis in (2, -1) and value.weights is None:
            return self.add(node, "concat", list(value.vectors))
        if node.target in ("unsqueeze", torch.unsqueeze) and axis in (-1, 1, 2):
            if isinstance(value, str) and axis != 1:
                return StackedShares(value)
            if isinstance(value, Share) and value.flat and axis != 2:
                return Share(value.weights, value.index)
        if node.target in _TOTAL and isinstance(value, Stack) and axis in (1, -2) and not node.kwargs.get("keepdim"):
            if value.weights is None:
                return self.add(node, "sum", list(value.vectors))
            return self.add(node, "weighted_sum", list(value.vectors), weights=value.weights)
        return None

    def softmax(self, node: fx.Node, value: NodeValue, axis: Any) -> NodeValue:
        """The softmax of a vector, or of one number of each vector of a stack."""
        if isinstance(value, str) and axis in (1, -1):
            return self.add(node, "softmax", value)
        if isinstance(value, Stack) and axis in (1, -2) and value.weights is None:
            return StackedShares(self.add(node, "softmax", self.add(node, "concat", list(value.vectors))))
        return None

    def module(self, node: fx.Node) -> NodeValue:
        path = path_in(node)
        part = self.parts[path]
        if isinstance(part, _SAME):
            return self.values[node.all_input_nodes[0]]
        arguments = [*node.args, *node.kwargs.values()]
        if isinstance(part, nn.Bilinear) and len(arguments) == 2:
            both = [self.name_of(node, x) for x in arguments]
            return self.weighted(node, "bilinear", both, path, {"weight": part.weight, "bias": part.bias})
        if len(arguments) != 1:
            raise self.refused(node, f"{type(part).__name__} '{path}' of {len(arguments)} arguments")
        if isinstance(part, nn.Softmax) and part.dim is not None:
            found = self.softmax(node, self.of(arguments[0]), part.dim)
            if found is not None:
                return found
        return self.each(node, arguments[0], lambda x: self.of_part(node, part, path, x))

    def of_part(self, node: fx.Node, part: nn.Module, path: str, x: str) -> str:
        """The vector that a module makes from the vector `x`."""
        if isinstance(part, nn.Linear):
            return self.weighted(node, "linear", x, path, {"weight": part.weight, "bias": part.bias})
        if isinstance(part, nn.BatchNorm1d) and part.running_mean is not None:
            statistics = {"running_mean": part.running_mean, "running_var": part.running_var}
            weights = affine(part, part.num_features)
            weights["bias"] = torch.zeros(part.num_features) if part.bias is None else part.bias
            return self.weighted(node, "batch_norm", x, path, {**weights, **statistics}, eps=part.eps)
        if isinstance(part, nn.LayerNorm) and len(part.normalized_shape) == 1:
            weights = affine(part, part.normalized_shape[0])
            return self.weighted(node, "norm", x, path, weights, norm_type="layer_norm", eps=part.eps)
        if type(part).__name__ == "RMSNorm" and hasattr(part, "normalized_shape"):  # torch has it from 2.4 on
            norm: Any = part
            eps = torch.finfo(torch.float32).eps if norm.eps is None else norm.eps
            weights = {"weight": affine(norm, norm.normalized_shape[0])["weight"]}
            return self.weighted(node, "norm", x, path, weights, norm_type="rms_norm", eps=eps)
        if isinstance(part, nn.GELU):
            return self.gelu(node, part.approximate, x)
        if type(part) in MODULES:
            return self.add(node, "activation", x, function=MODULES[type(part)])
        raise self.refused(node, f"{type(part).__name__} '{path}'")

    def weighted(
        self, node: fx.Node, kind: str, x: str | list[str], path: str, tensors: Mapping[str, Tensor | None], **keys: object
    ) -> str:
        path = path or "fusion"  # the module itself is the part
        self.tensors[path] = {name: tensor.detach() for name, tensor in tensors.items() if tensor is not None}
        return self.add(node, kind, x, prefix=path, **keys)

    def gelu(self, node: fx.Node, approximate: str, x: str) -> str:
        return self.add(node, "activation", x, function="gelu_new" if approximate == "tanh" else "gelu")

    def concat(self, node: fx.Node) -> str:
        tensors = node.args[0] if node.args else node.kwargs["tensors"]
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", node.kwargs.get("axis", 0))
        if axis not in (1, -1) or not isinstance(tensors, (list, tuple)):
            raise self.refused(node, f"a concatenation along axis {axis} (-1 is that of a vector's numbers)")
        names = [self.name_of(node, x) for x in tensors]
        return names[0] if len(names) == 1 else self.add(node, "concat", names)

    def complement(self, node: fx.Node, arguments: list[Any]) -> Complement:
        one, gate = reversed(arguments) if node.target is torch.rsub else arguments
        if isinstance(one, (int, float)) and one == 1:
            return Complement(self.name_of(node, gate))
        raise self.refused(node, f"{operation(node)}, which is not 1 - gate")

    def sum(self, node: fx.Node, arguments: list[Any]) -> NodeValue:
        if 0 in [x for x in arguments if isinstance(x, (int, float))]:  # sum() starts with 0
            return self.values[node.all_input_nodes[0]]
        values = [self.of(x) for x in arguments]
        for part, other in (values, reversed(values)):
            if isinstance(part, Complement) and part.other is not None and isinstance(other, str):
                product = self.steps.get(other, {})
                factors = list(product.get("of", [])) if product.get("kind") == "product" else []
                if part.gate in factors:
                    factors.remove(part.gate)
                    return self.add(node, "gate", [factors[0], part.other], gate=part.gate)
        one, more = values
        if isinstance(one, WeightedVectors) and isinstance(more, WeightedVectors) and one.weights == more.weights:
            return WeightedVectors(one.weights, (*one.vectors, *more.vectors))
        return self.add(node, "sum", [self.name_of(node, x) for x in arguments])

    def product(self, node: fx.Node, arguments: list[Any]) -> NodeValue:
        values = [self.of(x) for x in arguments]
        for part, other in (values, reversed(values)):
            if isinstance(part, Complement) and part.other is None and isinstance(other, str):
                return Complement(part.gate, other)
            if isinstance(part, Share) and not part.flat and isinstance(other, str):
                return WeightedVectors(part.weights, ((part.index, other),))
            if isinstance(part, StackedShares) and isinstance(other, Stack) and other.weights is None:
                return Stack(other.vectors, part.weights)
        return self.add(node, "product", [self.name_of(node, x) for x in arguments])

    def of(self, argument: Any) -> NodeValue:
        return self.values[argument] if isinstance(argument, fx.Node) else None

    def name_of(self, node: fx.Node, argument: Any) -> str:
        """The name of a vector that a node reads."""
        value = self.vector(node, self.of(argument))
        if isinstance(value, str):
            return value
        if isinstance(value, Complement):
            raise self.refused(node, f"1 - '{value.gate}' outside of gate * a + (1 - gate) * b")
        raise self.refused(node, f"{operation(node)} with {argument!r}, which is no vector")

    def vector(self, node: fx.Node, value: NodeValue) -> NodeValue:
        """Adds a weighted sum of all vectors as a step; returns other values unchanged."""
        whole = value.whole() if isinstance(value, WeightedVectors) else None
        return value if whole is None else self.add(node, "weighted_sum", whole, weights=value.weights)  # type: ignore[union-attr]

    def add(self, node: fx.Node, kind: str, of: str | list[str], **keys: object) -> str:
        prefix = str(keys.get("prefix", node.name))
        name = re.sub(r"\W", "_", prefix)
        name = base = f"step_{name}" if not name or name[0].isdigit() else name
        count = 1
        while self.taken(name):
            count += 1
            name = f"{base}_{count}"
        self.steps[name] = {"kind": kind, "name": name, "of": of, **keys}
        return name

    def taken(self, name: str) -> bool:
        return name.lower() in (other.lower() for other in [*self.names, *self.steps])

    def refused(self, node: fx.Node, got: str) -> ExportError:
        line = code_line(node)
        return ExportError(self.subject, _STEPS, f"{got} (node '{node.name}'{line})", _ALONE)
