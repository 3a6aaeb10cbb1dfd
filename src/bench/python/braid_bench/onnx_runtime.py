"""The model in ONNX Runtime."""

from __future__ import annotations

from typing import cast

import onnxruntime

from braid_bench.models import Floats, Model
from braid_bench.onnx_graph import MASK, WEIGHTS, onnx_model
from braid_bench.rows import MiniBatch


class OnnxForm:
    """ONNX Runtime on its CPU provider: one thread, every graph optimisation.

    fused_attention: whether attention is written as `com.microsoft.Attention`, or in standard operators that the
        optimiser fuses where it can.
    """

    def __init__(self, model: Model, fused_attention: bool) -> None:
        self.names = [modality.name for modality in model.modalities]
        self.sessions = {masked: _session(onnx_model(model, fused_attention, masked)) for masked in (False, True)}

    def fuse(self, batch: MiniBatch) -> Floats:
        inputs = {name: features.numpy() for name, features in zip(self.names, batch.features, strict=True)}
        inputs[WEIGHTS] = batch.weights[:, None].numpy()
        if batch.padding is not None:
            inputs[MASK] = (~batch.padding).int().numpy()
        (fused,) = self.sessions[batch.padding is not None].run(None, inputs)
        return cast(Floats, fused[:, 0])


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
