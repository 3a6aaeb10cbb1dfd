"""The ways in which a PySpark job can run the encoder in a Python worker, on one thread.

Each gives the numbers of `model.FusionModel`. Dimension letters: R rows, S padded tokens, D hidden size, H heads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from braid_bench.arrays import Floats
from braid_bench.model import read_model
from braid_bench.onnx_runtime import OnnxEncoder
from braid_bench.rows import MiniBatch
from braid_bench.shape import Shape


class Encoder(Protocol):
    """Fuses a mini-batch."""

    def fuse(self, batch: MiniBatch) -> Floats:
        """The mean of each row's fused tokens, [R, D]."""


class TorchEncoder:
    """`nn.TransformerEncoder` as it is.

    nested: whether padded batches may go through torch's nested tensors.
    fast_path: whether layers may run as torch's one fused operator, without which nothing is nested.
    """

    def __init__(self, directory: Path, shape: Shape, nested: bool, fast_path: bool) -> None:
        self.model = read_model(directory, shape, nested)
        self.fast_path = fast_path

    @torch.inference_mode()
    def fuse(self, batch: MiniBatch) -> Floats:
        torch.backends.mha.set_fastpath_enabled(self.fast_path)
        return pooled(self.model(batch.features, batch.padding), batch)


class OneDnnEncoder:
    """The same model with its Linears on oneDNN: packed weights, relu and residuals as post-operations."""

    def __init__(self, directory: Path, shape: Shape) -> None:
        model = read_model(directory, shape)
        with torch.inference_mode():
            self.projections = [OneDnnLinear.of(extractor.model_net) for extractor in model.extractors]
            self.layers = [OneDnnLayer(layer, shape.heads) for layer in model.layers]

    @torch.inference_mode()
    def fuse(self, batch: MiniBatch) -> Floats:
        mask = None if batch.padding is None else ~batch.padding[:, None, None, :]
        x = torch.cat([linear(part) for linear, part in zip(self.projections, batch.features, strict=True)], dim=1)
        for layer in self.layers:
            x = layer(x, mask)
        return pooled(x, batch)


class OneDnnLayer:
    """A post-norm encoder layer."""

    def __init__(self, layer: nn.TransformerEncoderLayer, heads: int) -> None:
        attention = layer.self_attn
        self.heads = heads
        state = {name: tensor.detach() for name, tensor in attention.named_parameters()}
        self.query_key_value = OneDnnLinear(state["in_proj_weight"], state["in_proj_bias"])
        self.output = OneDnnLinear.of(attention.out_proj)
        self.linear1 = OneDnnLinear.of(layer.linear1)
        self.linear2 = OneDnnLinear.of(layer.linear2)
        self.norm1 = layer.norm1
        self.norm2 = layer.norm2

    def __call__(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps x [R, S, D] to [R, S, D]; mask [R, 1, 1, S] is true at real tokens."""
        rows, tokens, hidden_size = x.shape
        projected = self.query_key_value(x).view(rows, tokens, 3, self.heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        context = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = self.norm1(self.output.added(context.transpose(1, 2).reshape(rows, tokens, hidden_size), x))
        return cast(Tensor, self.norm2(self.linear2.added(self.linear1.relu(x), x)))


class OneDnnLinear:
    """A Linear whose weights lie in oneDNN's own layout: what torch runs in a frozen, compiled model."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight)
        self.bias = bias

    @classmethod
    def of(cls, linear: nn.Linear) -> OneDnnLinear:
        return cls(linear.weight.detach(), linear.bias.detach())

    def __call__(self, x: Tensor) -> Tensor:
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], ""))

    def relu(self, x: Tensor) -> Tensor:
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "relu", [], ""))

    def added(self, x: Tensor, residual: Tensor) -> Tensor:
        pointwise = torch.ops.mkldnn._linear_pointwise.binary
        return cast(Tensor, pointwise(x, residual, self.weight, self.bias, "add"))


def pooled(fused: Tensor, batch: MiniBatch) -> Floats:
    """The weighted sum of a row's fused tokens [R, S, D], which may lack columns that are padding in every row."""
    weights = batch.weights[:, None, : fused.shape[1]]
    return cast(Floats, torch.bmm(weights, fused)[:, 0].numpy())


_Factory = Callable[[Path, Shape], Encoder]

#: A job as people write it runs `nn.TransformerEncoder`; the best that can be made of it goes through other kernels.
RIVALS: dict[str, dict[str, _Factory]] = {
    "PySpark": {
        "torch": lambda directory, shape: TorchEncoder(directory, shape, nested=True, fast_path=True),
        "torch, padded": lambda directory, shape: TorchEncoder(directory, shape, nested=False, fast_path=True),
        "torch, layer by layer": lambda directory, shape: TorchEncoder(directory, shape, nested=False, fast_path=False),
    },
    "PySpark at its best": {
        "torch on oneDNN": OneDnnEncoder,
        "ONNX Runtime": lambda directory, shape: OnnxEncoder(directory, shape, fused_attention=False),
        "ONNX Runtime, fused attention": lambda directory, shape: OnnxEncoder(directory, shape, fused_attention=True),
    },
}

#: The ways of all rivals; a trial finds the fastest of each.
ENCODERS: dict[str, _Factory] = {name: factory for ways in RIVALS.values() for name, factory in ways.items()}
