"""Describes a module that takes one vector per modality as a `vector_fusion` directory, and proves the description.

The module is traced by torch.fx, and every operation of its graph becomes a step (`braid.graph_steps`). Start at `describe_vectors`.

Dimension letters: P rows, K feature size, D size of a vector.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, fx, nn

from braid.describe import Description
from braid.errors import ExportError
from braid.golden import TOLERANCE, Row, RowOutput, Sample, error, is_ids, read_rows
from braid.graph_steps import Steps
from braid.steps import fused
from braid.trace import Call, plain_run, tensors_in
from braid.wrappers import parts_of, unwrapped

def takes_vectors(sample: Sample) -> bool:
    """Whether a sample has one vector per row and modality, [K], instead of sequences, [tokens, K], or token ids."""
    tensors = [torch.as_tensor(x) for rows in sample.values() for x in rows]
    return bool(tensors) and all(x.dim() == 1 and not is_ids(x) for x in tensors)


def describe_vectors(module: nn.Module, sample: Sample, call: Call | None) -> tuple[list[Row], Description]:
    """Returns the rows, one token each, and the description of a module that takes vectors, proven on every row."""
    rows = read_rows({name: [torch.as_tensor(x).reshape(1, -1) for x in of_name] for name, of_name in sample.items()})
    parts = parts_of(module)
    subject = f"'{type(parts['']).__name__}'"
    with plain_run():
        running = unwrapped(module).to("cpu", torch.float32).eval()
        root = Root(running, list(rows[0]), call)
        expected = [run(subject, root, row) for row in rows]
        graph = trace(subject, root)
        steps, tensors = Steps(subject, root.names, parts, graph).read()
        for i, (row, vector) in enumerate(zip(rows, expected)):
            deviation = error(fused(steps, tensors, row)[0], vector)
            if not deviation <= TOLERANCE:
                wanted = f"a vector within {TOLERANCE:.0e} of what the steps of its graph compute"
                raise ExportError(subject, wanted, f"{deviation:.1e} apart in row {i}")
    config = {
        "model_type": "vector_fusion",
        "modalities": [{"name": name, "feature_size": x.shape[1]} for name, x in rows[0].items()],
        "steps": steps,
    }
    outputs = [RowOutput([], vector[None], vector) for vector in expected]
    return rows, Description(config, tensors, outputs)


class Root(nn.Module):
    """Runs a module on a row {modality: [P, K]}, by `call` or by `forward` with a vector of each modality."""

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
    except Exception as failure:  # the caller must see whatever the module raises
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
