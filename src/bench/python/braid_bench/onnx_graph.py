"""The model as an ONNX graph.

Dimension letters: R rows, S padded tokens, D hidden size, H heads.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from braid_bench.models import FusionModel, Model

#: Input [R, S] of integers, 1 where a token is real.
MASK = "mask"

#: Input [R, 1, S], the weight of a token in its row's mean.
WEIGHTS = "weights"

_IR_VERSION = 10
_OPSET = 21
_OPERATORS = {"relu": "Relu", "gelu": "Gelu"}


def onnx_model(model: Model, fused_attention: bool, masked: bool) -> bytes:
    """A graph from an input per modality, [R, tokens, feature size] under its name, to the rows' means, [R, 1, D]."""
    return _Graph(model, fused_attention, masked).build()


class _Graph:
    """Nodes in the order in which they run."""

    def __init__(self, model: Model, fused_attention: bool, masked: bool) -> None:
        self.model = model
        self.fused_attention = fused_attention
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs = [
            _value(modality.name, "rows", f"{modality.name} tokens", modality.feature_size)
            for modality in model.modalities
        ]
        self.inputs.append(_value(WEIGHTS, "rows", 1, "tokens"))
        self.mask = ""
        if masked:
            self.inputs.append(helper.make_tensor_value_info(MASK, TensorProto.INT32, ["rows", "tokens"]))
            self.mask = MASK if fused_attention else self.added_mask()

    def build(self) -> bytes:
        module = cast(FusionModel, self.model.module())
        names = (modality.name for modality in self.model.modalities)
        parts = [self.linear(name, linear) for name, linear in zip(names, module.extractors, strict=True)]
        x = self.node("Concat", *parts, axis=1)
        for layer in module.layers:
            attended = self.fused(x, layer) if self.fused_attention else self.attended(x, layer)
            x = self.norm(self.node("Add", x, self.linear(attended, layer.self_attn.out_proj)), layer.norm1)
            inner = self.node(_OPERATORS[self.model.activation], self.linear(x, layer.linear1))
            x = self.norm(self.node("Add", x, self.linear(inner, layer.linear2)), layer.norm2)
        mean = self.node("MatMul", WEIGHTS, x)
        output = _value(mean, "rows", 1, self.model.hidden_size)
        graph = helper.make_graph(self.nodes, "encoder", self.inputs, [output], self.constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)]
        model_proto = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        return bytes(model_proto.SerializeToString())

    def attended(self, x: str, layer: Any) -> str:
        """The heads' context [R, S, D] in standard operators."""
        hidden_size, heads = self.model.hidden_size, self.model.heads
        weights = _array(layer.self_attn.in_proj_weight).reshape(3, hidden_size, hidden_size)
        biases = _array(layer.self_attn.in_proj_bias).reshape(3, hidden_size)
        split = self.constant(np.array([0, 0, heads, hidden_size // heads]))
        permutations = [0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]
        query, key, value = (
            self.node("Transpose", self.node("Reshape", self.product(x, weight, bias), split), perm=permutation)
            for weight, bias, permutation in zip(weights, biases, permutations, strict=True)
        )
        scale = self.constant(np.float32(1 / math.sqrt(hidden_size // heads)))
        scores = self.node("Mul", self.node("MatMul", query, key), scale)
        if self.mask:
            scores = self.node("Add", scores, self.mask)
        context = self.node("MatMul", self.node("Softmax", scores, axis=-1), value)
        joined = self.constant(np.array([0, 0, hidden_size]))
        return self.node("Reshape", self.node("Transpose", context, perm=[0, 2, 1, 3]), joined)

    def fused(self, x: str, layer: Any) -> str:
        """The heads' context [R, S, D] as ONNX Runtime's own operator, its projections included."""
        weight = self.constant(_array(layer.self_attn.in_proj_weight).T)
        bias = self.constant(_array(layer.self_attn.in_proj_bias))
        inputs = x, weight, bias, self.mask
        return self.node("Attention", *inputs, domain="com.microsoft", num_heads=self.model.heads)

    def added_mask(self) -> str:
        """What is added to the scores, [R, 1, 1, S]: nothing at real tokens."""
        padding = self.node("Equal", MASK, self.constant(np.int32(0)))
        absent = self.constant(np.float32(-1e30)), self.constant(np.float32(0))
        added = self.node("Where", padding, *absent)
        return self.node("Unsqueeze", added, self.constant(np.array([1, 2])))

    def linear(self, x: str, linear: Any) -> str:
        return self.product(x, _array(linear.weight), _array(linear.bias))

    def product(self, x: str, weight: Any, bias: Any) -> str:
        return self.node("Add", self.node("MatMul", x, self.constant(weight.T)), self.constant(bias))

    def norm(self, x: str, norm: Any) -> str:
        parameters = self.constant(_array(norm.weight)), self.constant(_array(norm.bias))
        return self.node("LayerNormalization", x, *parameters, axis=-1, epsilon=norm.eps)

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Adds a node, and names its one output."""
        output = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, value: Any) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _value(name: str, *sizes: "str | int") -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)


def _array(parameter: Any) -> Any:
    return parameter.detach().numpy()
