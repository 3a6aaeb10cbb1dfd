"""The rivals: the forms in which PyTorch and ONNX Runtime can run the encoder on one thread.

The whole benchmark takes its rivals from `rivals`: alone, and in the Python workers of a PySpark job. Each form gives the
numbers of `Model.module`. Dimension letters: R rows, S padded tokens, D hidden size, H heads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from braid_bench.models import Floats, FusionModel, Model
from braid_bench.onnx_runtime import OnnxForm
from braid_bench.rows import MiniBatch


class Form(Protocol):
    """One way to run the encoder."""

    def fuse(self, batch: MiniBatch) -> Floats:
        """The mean of each row's fused tokens, [R, D]."""


class TorchForm:
    """The module as it is.

    nested: whether padded batches may go through torch's nested tensors.
    fast_path: whether encoder layers may run as torch's one fused operator, without which nothing is nested.
    """

    def __init__(self, model: Model, dtype: torch.dtype, nested: bool = False, fast_path: bool = False) -> None:
        self.module = model.module(nested).to(dtype)
        self.dtype = dtype
        self.fast_path = fast_path

    @torch.inference_mode()
    def fuse(self, batch: MiniBatch) -> Floats:
        torch.backends.mha.set_fastpath_enabled(self.fast_path)
        batch = batch.to(self.dtype)
        return pooled(self.module(*batch.features, batch.padding), batch)


class OneDnnModuleForm(TorchForm):
    """The module with its Linears on oneDNN: packed weights."""

    def __init__(self, model: Model, dtype: torch.dtype) -> None:
        super().__init__(model, dtype)
        replace_linears(self.module)


class OneDnnForm:
    """An encoder with its Linears on oneDNN: packed weights, activation and residuals as post-operations."""

    def __init__(self, model: Model, dtype: torch.dtype) -> None:
        module = cast(FusionModel, model.module().to(dtype))
        self.dtype = dtype
        with torch.inference_mode():
            self.projections = [OneDnnLinear.of(cast(nn.Linear, extractor)) for extractor in module.extractors]
            self.layers = [OneDnnLayer(layer, model) for layer in module.layers]

    @torch.inference_mode()
    def fuse(self, batch: MiniBatch) -> Floats:
        batch = batch.to(self.dtype)
        mask = None if batch.padding is None else ~batch.padding[:, None, None, :]
        x = torch.cat([linear(part) for linear, part in zip(self.projections, batch.features, strict=True)], dim=1)
        for layer in self.layers:
            x = layer(x, mask)
        return pooled(x, batch)


class OneDnnLayer:
    """A post-norm encoder layer."""

    def __init__(self, layer: nn.TransformerEncoderLayer, model: Model) -> None:
        attention = layer.self_attn
        self.heads = model.heads
        self.activation = model.activation
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
        return cast(Tensor, self.norm2(self.linear2.added(self.linear1(x, self.activation), x)))


def replace_linears(module: nn.Module) -> None:
    """Puts every Linear of a module on oneDNN, in its attention too."""
    for name, part in module.named_children():
        if isinstance(part, nn.MultiheadAttention):
            setattr(module, name, OneDnnAttention(part))
        elif isinstance(part, nn.Linear):
            setattr(module, name, Called(OneDnnLinear.of(part)))
        else:
            replace_linears(part)


class Called(nn.Module):
    """A function in a module's place."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class OneDnnAttention(nn.Module):
    """`nn.MultiheadAttention`, batch first and without its shares."""

    batch_first = True

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = attention.num_heads
        weights = cast(Tensor, attention.in_proj_weight).detach().chunk(3)
        biases = cast(Tensor, attention.in_proj_bias).detach().chunk(3)
        self.query, self.key, self.value = (OneDnnLinear(w, b) for w, b in zip(weights, biases, strict=True))
        self.output = OneDnnLinear.of(attention.out_proj)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None, **_: object
    ) -> tuple[Tensor, None]:
        """Maps query [R, S, D] and key and value [R, T, D] to [R, S, D]; the mask [R, T] is true at padding."""
        mask = None if key_padding_mask is None else ~key_padding_mask[:, None, None, :]
        by_head = [self.by_head(x) for x in (self.query(query), self.key(key), self.value(value))]
        context = F.scaled_dot_product_attention(by_head[0], by_head[1], by_head[2], attn_mask=mask)
        return self.output(context.transpose(1, 2).flatten(2)), None

    def by_head(self, x: Tensor) -> Tensor:
        """Maps x [R, S, D] to [R, H, S, D / H]."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class OneDnnLinear:
    """A Linear whose weights lie in oneDNN's own layout: what torch runs in a frozen, compiled model."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight)
        self.bias = bias

    @classmethod
    def of(cls, linear: nn.Linear) -> OneDnnLinear:
        return cls(linear.weight.detach(), linear.bias.detach())

    def __call__(self, x: Tensor, activation: str = "none") -> Tensor:
        exact = "none" if activation == "gelu" else ""  # of gelu's approximations
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, activation, [], exact))

    def added(self, x: Tensor, residual: Tensor) -> Tensor:
        pointwise = torch.ops.mkldnn._linear_pointwise.binary
        return cast(Tensor, pointwise(x, residual, self.weight, self.bias, "add"))


def pooled(fused: Tensor, batch: MiniBatch) -> Floats:
    """The weighted sum of a row's fused tokens [R, S, D], which may lack columns that are padding in every row."""
    weights = batch.weights[:, None, : fused.shape[1]]
    return cast(Floats, torch.bmm(weights, fused.float())[:, 0].numpy())


_Forms = dict[str, Callable[[Model, torch.dtype], Form]]

#: Of models that are one encoder: by rival, its forms by name. ONNX Runtime's CPU kernels have no bfloat16.
RIVALS: dict[str, _Forms] = {
    "PyTorch": {
        "nn.TransformerEncoder": lambda model, dtype: TorchForm(model, dtype, nested=True, fast_path=True),
        "nn.TransformerEncoder, padded": lambda model, dtype: TorchForm(model, dtype, nested=False, fast_path=True),
        "nn.TransformerEncoder, layer by layer": lambda model, dtype: TorchForm(
            model, dtype, nested=False, fast_path=False
        ),
        "Linears on oneDNN": OneDnnForm,
    },
    "ONNX Runtime": {
        "standard operators": lambda model, _: OnnxForm(model, fused_attention=False),
        "fused attention": lambda model, _: OnnxForm(model, fused_attention=True),
    },
}

#: Of other models.
MODULE_RIVALS: dict[str, _Forms] = {"PyTorch": {"the module as it is": TorchForm, "Linears on oneDNN": OneDnnModuleForm}}


def rivals(model: Model) -> dict[str, _Forms]:
    """The rivals that can run a model; a trial finds the fastest form of each."""
    return RIVALS if type(model) is Model else MODULE_RIVALS


#: The rivals' precisions; Braid has the same two.
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
