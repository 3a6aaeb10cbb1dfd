"""Describes a module that takes one vector per modality as a `vector_fusion` directory, and proves the description.

The module is traced by torch.fx, and every operation of its graph becomes a step. Start at `describe_vectors`.

Dimension letters: P rows, K feature size, D size of a vector.
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Union

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from braid.describe import Description
from braid.errors import ExportError, quoted
from braid.golden import TOLERANCE, Row, RowOutput, Sample, error, is_ids, read_rows
from braid.steps import Step, fused
from braid.trace import Call, plain_run, tensors_in
from braid.wrappers import Parts, parts_of, unwrapped

_STEPS = "operations that are steps (linear, activation, norm, batch_norm, concat, sum, product, gate in models.md)"
_ALONE = "pass a call= that runs only what makes the fused vector, if this is not a part of it"

_ADD = (operator.add, operator.iadd, torch.add, "add", "add_")
_MULTIPLY = (operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "mul_", "multiply")
_SUBTRACT = (operator.sub, torch.sub, torch.subtract, torch.rsub)
_CONCATENATE = (torch.cat, torch.concat, torch.concatenate)
_FUNCTIONS: dict[Any, str] = {
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
_MODULES: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.SiLU: "silu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid"}
_SAME = (nn.Dropout, nn.AlphaDropout, nn.Identity)


@dataclass(frozen=True)
class Complement:
    """1 - gate, or that times another vector: a part of a gate that is no step yet."""

    gate: str
    other: str | None = None


#: What a node of the graph stands for: the row itself, a vector by its name, or a part of a gate.
Value = Union[None, str, Complement]


def takes_vectors(sample: Sample) -> bool:
    """Whether a sample holds one vector per row and modality, [K], and not sequences, [tokens, K] or token ids."""
    tensors = [torch.as_tensor(x) for rows in sample.values() for x in rows]
    return bool(tensors) and all(x.dim() == 1 and not is_ids(x) for x in tensors)


def describe_vectors(module: nn.Module, sample: Sample, call: Call | None) -> tuple[list[Row], Description]:
    """Rows of one token, and the description of a module that takes them, proven on every row."""
    rows = read_rows({name: [torch.as_tensor(x).reshape(1, -1) for x in of_name] for name, of_name in sample.items()})
    parts = parts_of(module)
    subject = f"'{type(parts['']).__name__}'"
    with plain_run():
        running = unwrapped(module).to("cpu", torch.float32).eval()
        root = Root(running, list(rows[0]), call)
        expected = [run(subject, root, row) for row in rows]
        graph = trace(subject, root)
        steps, tensors = Steps(subject, root, parts, graph).read()
        for i, (row, vector) in enumerate(zip(rows, expected)):
            apart = error(fused(steps, tensors, row)[0], vector)
            if not apart <= TOLERANCE:
                wanted = f"a vector within {TOLERANCE:.0e} of what the steps of its graph compute"
                raise ExportError(subject, wanted, f"{apart:.1e} apart in row {i}")
    config = {
        "model_type": "vector_fusion",
        "modalities": [{"name": name, "feature_size": x.shape[1]} for name, x in rows[0].items()],
        "steps": steps,
    }
    outputs = [RowOutput([], vector[None], vector) for vector in expected]
    return rows, Description(config, tensors, outputs)


class Root(nn.Module):
    """Runs a module on a row {modality: [P, K]}: as `call` does, or as `forward` takes the modalities."""

    def __init__(self, module: nn.Module, names: list[str], call: Call | None) -> None:
        super().__init__()
        self.module = module
        self.names = names
        self.call = call

    def forward(self, row: Row) -> Any:
        if self.call is not None:
            return self.call(self.module, row)
        features = {name: row[name] for name in self.names}
        if set(self.names) <= set(inspect.signature(self.module.forward).parameters):
            return self.module(**features)
        return self.module(*features.values())


def run(subject: str, root: Root, row: Row) -> Tensor:
    """The vector that the module makes of one row, [D]."""
    try:
        returned = list(tensors_in(root(row)))
    except Exception as failure:  # whatever the module raises is what the caller has to see
        shapes = ", ".join(f"'{name}' {list(x.shape)}" for name, x in row.items())
        hint = "pass call=lambda module, row: ..., which runs the module on one row {modality: [1, feature size]}"
        expected = f"forward to take a row of the sample, {shapes}"
        raise ExportError(subject, expected, f"{type(failure).__name__}: {failure}", hint) from failure
    if len(returned) != 1 or returned[0].dim() != 2 or returned[0].shape[0] != 1:
        shapes = ", ".join(str(list(x.shape)) for x in returned)
        hint = "pass a call= that returns the fused vector alone"
        raise ExportError(subject, "one fused vector of a row, [1, size]", shapes or "no tensor", hint)
    return returned[0][0].float()


def trace(subject: str, root: Root) -> fx.Graph:
    tracer = fx.Tracer()
    tracer.record_stack_traces = True
    try:
        return tracer.trace(root)
    except Exception as failure:
        hint = "branches on numbers or shapes of vectors cannot be traced"
        got = f"{type(failure).__name__}: {failure}"
        raise ExportError(subject, "forward to be traced by torch.fx", got, hint) from failure


class Steps:
    """Reads a graph, one node after another; only steps that the output depends on are kept."""

    def __init__(self, subject: str, root: Root, parts: Parts, graph: fx.Graph) -> None:
        self.subject = subject
        self.root = root
        self.parts = parts
        self.graph = graph
        self.values: dict[fx.Node, Value] = {}
        self.steps: dict[str, Step] = {}
        self.tensors: dict[str, dict[str, Tensor]] = {}

    def read(self) -> tuple[list[Step], dict[str, Tensor]]:
        output: Value = None
        for node in self.graph.nodes:
            if node.op == "output":
                (returned,) = [part for part in node.all_input_nodes] or [None]
                output = self.values[returned] if returned is not None else None
            elif node.op == "get_attr":
                raise self.refused(node, f"'{path_in(node)}', a parameter or buffer of its own")
            else:
                self.values[node] = None if node.op == "placeholder" else self.value(node)
        if not isinstance(output, str) or output not in self.steps:
            raise ExportError(self.subject, "a fused vector that a step makes", "a vector as it entered, or 1 - gate")
        return self.needed(output)

    def needed(self, output: str) -> tuple[list[Step], dict[str, Tensor]]:
        """The steps that the output depends on, the last one under the name `fused` if nothing else has it."""
        names = {output}
        kept: list[Step] = []
        for step in reversed(self.steps.values()):
            if step["name"] in names:
                names.update(inputs_of(step))
                kept.insert(0, step)
        unread = [name for name in self.root.names if name not in names]
        if unread:
            raise ExportError(self.subject, "a fused vector that depends on every modality", f"one without {quoted(unread)}")
        if not self.taken("fused"):
            kept[-1]["name"] = "fused"
        prefixes = dict.fromkeys(step["prefix"] for step in kept if "prefix" in step)
        tensors = {f"{path}.{name}": x for path in prefixes for name, x in self.tensors[path].items()}
        return kept, tensors

    def value(self, node: fx.Node) -> Value:
        if node.op == "call_module":
            return self.module(node)
        if node.target is operator.getitem:
            return self.modality(node)
        arguments = [*node.args, *node.kwargs.values()]
        if node.target in _FUNCTIONS:
            return self.add(node, "activation", self.name_of(node, arguments[0]), function=_FUNCTIONS[node.target])
        if node.target is F.gelu:
            return self.gelu(node, str(node.kwargs.get("approximate", "none")), arguments[0])
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

    def modality(self, node: fx.Node) -> Value:
        source, key = node.args
        if isinstance(source, fx.Node) and source.op == "placeholder" and key in self.root.names:
            return str(key)
        raise self.refused(node, f"item {key!r} of something else than the row's modalities")

    def module(self, node: fx.Node) -> Value:
        path = path_in(node)
        part = self.parts[path]
        if isinstance(part, _SAME):
            return self.values[node.all_input_nodes[0]]
        arguments = [*node.args, *node.kwargs.values()]
        if len(arguments) != 1:
            raise self.refused(node, f"{type(part).__name__} '{path}' of {len(arguments)} arguments")
        x = self.name_of(node, arguments[0])
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
            return self.gelu(node, part.approximate, arguments[0])
        if type(part) in _MODULES:
            return self.add(node, "activation", x, function=_MODULES[type(part)])
        raise self.refused(node, f"{type(part).__name__} '{path}'")

    def weighted(
        self, node: fx.Node, kind: str, x: str, path: str, tensors: Mapping[str, Tensor | None], **keys: object
    ) -> str:
        path = path or "fusion"  # the module itself is the part
        self.tensors[path] = {name: tensor.detach() for name, tensor in tensors.items() if tensor is not None}
        return self.add(node, kind, x, prefix=path, **keys)

    def gelu(self, node: fx.Node, approximate: str, x: Any) -> str:
        return self.add(node, "activation", self.name_of(node, x), function="gelu_new" if approximate == "tanh" else "gelu")

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

    def sum(self, node: fx.Node, arguments: list[Any]) -> Value:
        if 0 in [x for x in arguments if isinstance(x, (int, float))]:  # sum() begins with it
            return self.values[node.all_input_nodes[0]]
        values = [self.of(x) for x in arguments]
        for part, other in (values, reversed(values)):
            if isinstance(part, Complement) and part.other is not None and isinstance(other, str):
                product = self.steps.get(other, {})
                factors = list(product.get("of", [])) if product.get("kind") == "product" else []
                if part.gate in factors:
                    factors.remove(part.gate)
                    return self.add(node, "gate", [factors[0], part.other], gate=part.gate)
        return self.add(node, "sum", [self.name_of(node, x) for x in arguments])

    def product(self, node: fx.Node, arguments: list[Any]) -> Value:
        values = [self.of(x) for x in arguments]
        for part, other in (values, reversed(values)):
            if isinstance(part, Complement) and part.other is None and isinstance(other, str):
                return Complement(part.gate, other)
        return self.add(node, "product", [self.name_of(node, x) for x in arguments])

    def of(self, argument: Any) -> Value:
        return self.values[argument] if isinstance(argument, fx.Node) else None

    def name_of(self, node: fx.Node, argument: Any) -> str:
        """The name of a vector that a node reads."""
        value = self.of(argument)
        if isinstance(value, Complement):
            raise self.refused(node, f"1 - '{value.gate}' outside of gate * a + (1 - gate) * b")
        if value is None:
            raise self.refused(node, f"{operation(node)} with {argument!r}, which is no vector")
        return value

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
        return name.lower() in (other.lower() for other in [*self.root.names, *self.steps])

    def refused(self, node: fx.Node, got: str) -> ExportError:
        line = code_line(node)
        return ExportError(self.subject, _STEPS, f"{got} (node '{node.name}'{line})", _ALONE)


def path_in(node: fx.Node) -> str:
    """The path in the module of what a node of `Root` refers to."""
    return str(node.target)[len("module.") :]


def inputs_of(step: Step) -> list[str]:
    of = [step["of"]] if isinstance(step["of"], str) else list(step["of"])
    return [*of, step["gate"]] if "gate" in step else of


def affine(part: Any, size: int) -> dict[str, Tensor | None]:
    """Weight and bias of a norm; a weight of ones where it has none."""
    weight = torch.ones(size) if part.weight is None else part.weight
    return {"weight": weight, "bias": getattr(part, "bias", None)}


def operation(node: fx.Node) -> str:
    target: Union[str, Callable[..., Any]] = node.target
    return f"'{target}'" if isinstance(target, str) else f"'{getattr(target, '__name__', target)}'"


def code_line(node: fx.Node) -> str:
    """Where the module's code makes a node, `, fusion.py line 12: x = a - b`; empty where torch does not tell."""
    found = re.findall(r'File "([^"]*)", line (\d+), in [^\n]*\n\s*([^\n]*)', node.stack_trace or "")
    own = [(file, number, code) for file, number, code in found if "/torch/" not in file and not file.endswith(__file__)]
    if not own:
        return ""
    file, number, code = own[-1]
    return f", {Path(file).name} line {number}: {code}"
