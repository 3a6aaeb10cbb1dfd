"""The rivals: the forms in which PyTorch and ONNX Runtime can run a model on one thread.

The whole benchmark takes its rivals from `rivals`: alone, and in the Python workers of a PySpark job. Each form gives the
numbers of `Model.module`. Dimension letters: R rows, S padded tokens, D hidden size.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Protocol, cast

import onnxruntime
import torch
from onnxruntime.quantization import quantize_dynamic
from torch import Tensor, nn

from braid_bench.models import Floats, Model
from braid_bench.packed import Attention, Int8Linear, Linear, OneDnnLinear, OnnxAttention, pack
from braid_bench.rows import MiniBatch


class Form(Protocol):
    """One way to run a model."""

    def fuse(self, batch: MiniBatch) -> Floats:
        """The mean of each row's fused tokens, [R, D]."""


class TorchForm:
    """The module as it is, on torch's fast path and with its nested tensors wherever torch takes them."""

    def __init__(self, model: Model, precision: str) -> None:
        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self.module = model.module().to(self.dtype)

    @torch.inference_mode()
    def fuse(self, batch: MiniBatch) -> Floats:
        torch.backends.mha.set_fastpath_enabled(True)
        fused = self.module(*(part.to(self.dtype) for part in batch.features), batch.padding)
        return cast(Floats, torch.bmm(batch.weights[:, None], fused.float())[:, 0].numpy())


class PackedForm(TorchForm):
    """The module with packed weights in all its Linears, those of its attention too."""

    def __init__(self, model: Model, precision: str) -> None:
        super().__init__(model, precision)
        pack(self.module, Int8Linear if precision == "int8" else OneDnnLinear, Attention)


class OnnxForm:
    """The module in ONNX Runtime on one thread, with the operator that this has for self-attention.

    In int8, ONNX Runtime's dynamic quantisation of the exported graph. Exporting takes seconds, so that graphs stay in
    the directory BRAID_BENCH_GRAPHS until the benchmark ends. The trial before a job exports what the job needs: no job is
    charged for an export.
    """

    def __init__(self, model: Model, precision: str) -> None:
        self.model, self.precision = model, precision
        self.session = cache(self.new_session)

    def fuse(self, batch: MiniBatch) -> Floats:
        inputs = {m.name: x.numpy() for m, x in zip(self.model.modalities, batch.features, strict=True)}
        inputs["weights"] = batch.weights.numpy()
        if batch.padding is not None:
            inputs["padding"] = batch.padding.numpy()
        (means,) = self.session(batch.padding is not None).run(None, inputs)
        return cast(Floats, means)

    def new_session(self, padded: bool) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        name = f"{zlib.crc32(repr(self.model).encode())} {self.precision}{' padded' if padded else ''}.onnx"
        file = Path(os.environ.get("BRAID_BENCH_GRAPHS") or own_directory().name, name)
        if not file.exists():
            own = file.with_name(f"{os.getpid()} {name}")  # other processes look for a file that is whole
            self.export(own, padded)
            own.replace(file)
        slower = ["SkipLayerNormFusion"]  # than the operators that it fuses
        return onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"], disabled_optimizers=slower)

    def export(self, file: Path, padded: bool) -> None:
        module = self.model.module()
        pack(module, Linear, OnnxAttention)
        modalities, tokens = self.model.modalities, self.model.tokens
        sample = {m.name: torch.randn(3, m.tokens, m.token_size) for m in modalities} | {"weights": torch.ones(3, tokens)}
        if padded:
            sample["padding"] = torch.zeros(3, tokens, dtype=torch.bool)
        any_size = [dict.fromkeys((0, 1), torch.export.Dim.AUTO)] * len(sample)
        torch.onnx.export(
            Means(module).eval(),
            (*sample.values(),),
            file,
            input_names=[*sample],
            dynamic_shapes=any_size,
            external_data=False,
            verbose=False,
        )
        if self.precision == "int8":
            quantize_dynamic(file, file)


@cache
def own_directory() -> tempfile.TemporaryDirectory[str]:
    """For the graphs of a process outside the benchmark, until it ends."""
    return tempfile.TemporaryDirectory()


class Means(nn.Module):
    """The mean of each row's fused tokens, by weights [R, S]."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, first: Tensor, second: Tensor, weights: Tensor, padding: Tensor | None = None) -> Tensor:
        return torch.bmm(weights[:, None], self.module(first, second, padding))[:, 0]


#: What the rivals and Braid multiply.
PRECISIONS = ("fp32", "bf16", "int8")

#: By name, what loads a form.
Forms = dict[str, Callable[[], Form]]


def rivals(model: Model, precision: str) -> dict[str, Forms]:
    """The forms of each rival that run a model in a precision; a trial finds the fastest. ONNX Runtime has no bf16."""
    of_torch: Forms = {"packed Linears": partial(PackedForm, model, precision)}
    if precision != "int8":
        of_torch["the module as it is"] = partial(TorchForm, model, precision)
    of_onnx: Forms = {"exported": partial(OnnxForm, model, precision)}
    return {"PyTorch": of_torch} if precision == "bf16" else {"PyTorch": of_torch, "ONNX Runtime": of_onnx}
