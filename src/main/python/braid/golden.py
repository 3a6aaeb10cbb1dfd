"""Sample rows, PyTorch's outputs for them, and the two files that hold both: golden.safetensors and pairs.parquet.

Dimension letters: P rows, S tokens of a modality in a row, K feature size, N tokens of all rows, D hidden size.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Union

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from braid.errors import ExportError, quoted

#: For each modality a list of rows, [S, K] or token ids [S], each of its own length: anything that `torch.as_tensor`
#: takes.
#: The boxes of 'visual', [S, box size], are 'visual.boxes'.
Sample = Mapping[str, Sequence[Union[Tensor, "np.ndarray[Any, Any]"]]]

#: One row: for each modality its features [S, K], float32, or its token ids [S], int64; and its boxes, float32, if any.
Row = dict[str, Tensor]

#: The suffix that turns a modality's name into that of its boxes.
BOXES = ".boxes"

#: A modality's name is also the name of a column, and is followed by = on a command line.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Names of other parts and columns.
_TAKEN = ("cls", "encoder", "id")

#: Largest `error` between the module and its description: what Braid's own check allows.
TOLERANCE = 1e-4

#: How fused tokens [tokens, D] become one vector [D].
POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x.mean(0),
    "max": lambda x: x.amax(0),
    "cls": lambda x: x[0],
    "last": lambda x: x[-1],
}


@dataclass(frozen=True)
class RowOutput:
    """A model's outputs for one row: those of every layer and the fused tokens, [tokens, D] each; the pooled vector
    [D].

    `attention` [layers, groups] is the share that each group's tokens received: CLS if there is one, then each modality
    in token order.
    """

    layers: list[Tensor]
    fused: Tensor
    pooled: Tensor | None = None
    attention: Tensor | None = None


def read_rows(sample: Sample) -> list[Row]:
    """Checks the sample and turns it into rows, with the modalities in the sample's order."""
    if not sample:
        raise ExportError("the sample", "a modality or more, {'visual': [...], 'text': [...]}", "none")
    columns: dict[str, list[Tensor]] = {}
    for name, rows in sample.items():
        if not _NAME.fullmatch(name[: -len(BOXES)] if name.endswith(BOXES) else name) or name.lower() in _TAKEN:
            expected = f"modalities named by letters, digits and underscores, and none of {quoted(_TAKEN)}"
            hint = f"the boxes of 'visual' are 'visual{BOXES}'" if "box" in name else ""
            raise ExportError("the sample", expected, f"'{name}'", hint)
        if name.lower() in (other.lower() for other in columns):
            raise ExportError("the sample", "modalities that differ in more than case", f"'{name}' again")
        columns[name] = [numbers(row) for row in rows]
    for name, tensors in columns.items():
        subject = f"the sample's '{name}'"
        first = next(iter(columns.values()))
        if not tensors or len(tensors) != len(first):
            expected = f"{len(first)} rows, as in '{next(iter(columns))}'" if first else "one row or more"
            raise ExportError(subject, expected, str(len(tensors)))
        if all(map(is_ids, tensors)):
            check_ids(subject, tensors)
        else:
            check_features(subject, tensors)
    for name in columns:
        if name.endswith(BOXES):
            check_boxes(name, columns)
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def numbers(row: Any) -> Tensor:
    """Features as float32, or token ids (a list of integers) as int64; on the CPU."""
    tensor = torch.as_tensor(row).detach()
    return tensor.to("cpu", torch.int64 if tensor.dim() == 1 and is_integer(tensor) else torch.float32)


def is_integer(x: Tensor) -> bool:
    return not x.is_floating_point() and not x.is_complex() and x.dtype != torch.bool


def is_ids(x: Tensor) -> bool:
    """Whether a modality's row holds token ids [S]."""
    return x.dim() == 1 and is_integer(x)


def check_features(subject: str, tensors: list[Tensor]) -> None:
    size = tensors[0].shape[-1] if tensors[0].dim() else 0
    for i, tensor in enumerate(tensors):
        if tensor.dim() != 2 or tensor.shape[1] != size or 0 in tensor.shape:
            expected = f"one token or more of {size} numbers in row {i}, [tokens, {size}]"
            raise ExportError(subject, expected, str(list(tensor.shape)), "a padded batch is cut to its rows first")
        if not bool(torch.isfinite(tensor).all()):
            raise ExportError(subject, f"finite numbers in row {i}", "NaN or infinity")


def check_boxes(name: str, columns: Mapping[str, list[Tensor]]) -> None:
    features = columns.get(name[: -len(BOXES)])
    if features is None or is_ids(features[0]) or is_ids(columns[name][0]):
        got = "none" if features is None else "token ids"
        raise ExportError(f"the sample's '{name}'", f"boxes [tokens, box size] of features '{name[: -len(BOXES)]}'", got)
    for i, (of_row, boxes) in enumerate(zip(features, columns[name])):
        if len(of_row) != len(boxes):
            expected = f"{len(of_row)} boxes in row {i}, as many as its tokens"
            raise ExportError(f"the sample's '{name}'", expected, str(len(boxes)))


def argument_name(name: str) -> str:
    """The name of a modality's column or argument. For boxes it has no dot: `visual_boxes`."""
    return name.replace(".", "_")


def modalities_of(row: Row) -> list[str]:
    return [name for name in row if not name.endswith(BOXES)]


def check_ids(subject: str, tensors: list[Tensor]) -> None:
    for i, ids in enumerate(tensors):
        if len(ids) == 0 or int(ids.min()) < 0:
            got = "none" if len(ids) == 0 else str(int(ids.min()))
            raise ExportError(subject, f"one token id or more in row {i}, from 0 on", got)


def error(actual: Tensor, expected: Tensor) -> float:
    """The largest |actual - expected|, relative to the root mean square of its row; infinite if the shapes differ.

    So small rows are checked as closely as large ones. A row with an error of at most 1e-4 has a cosine of 1 - 5e-9 or
    more.
    """
    if actual.shape != expected.shape:
        return float("inf")
    wide = expected.double()
    size = wide.square().mean(-1, keepdim=True).sqrt()
    difference = (actual.double() - wide).abs()
    return float(torch.where(difference == 0, difference, difference / size).max())


def same(x: Tensor, y: Tensor) -> bool:
    """Whether two tensors are equal up to rounding."""
    return x.shape == y.shape and torch.allclose(x, y, rtol=1e-5, atol=1e-6)


def attention_shares(weights: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """The share of attention of each group of keys, [layers, groups], from each layer's weights [heads, queries, keys].

    `sizes` are the groups' numbers of keys. A share is a mean over heads and queries; the shares of a layer add up to
    1.
    """
    received = torch.stack([of_layer.mean((0, 1)) for of_layer in weights])
    return torch.stack([part.sum(-1) for part in torch.split(received, list(sizes), dim=-1)], dim=-1)


def golden_tensors(rows: Sequence[Row], outputs: Sequence[RowOutput]) -> dict[str, Tensor]:
    """The tensors of golden.safetensors: features [P, longest S, K] or ids [P, longest S], padded with zeros, boxes,
    lengths [P], and the outputs.
    """
    tensors: dict[str, Tensor] = {}
    for name, first in rows[0].items():
        tokens = [row[name] for row in rows]
        stored = name if name.endswith(BOXES) else f"{name}.ids" if is_ids(first) else f"{name}.features"
        tensors[stored] = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True).contiguous()
    for name in modalities_of(rows[0]):
        tensors[f"{name}.lengths"] = torch.tensor([len(row[name]) for row in rows], dtype=torch.int64)
    tensors["fused"] = torch.cat([output.fused for output in outputs]).contiguous()
    for i in range(len(outputs[0].layers)):
        tensors[f"layers.{i}"] = torch.cat([output.layers[i] for output in outputs]).contiguous()
    pooled = [output.pooled for output in outputs if output.pooled is not None]
    if pooled:
        tensors["pooled"] = torch.stack(pooled)
    shares = [output.attention for output in outputs if output.attention is not None]
    if shares:
        tensors["attention_by_layer"] = torch.stack(shares)
        tensors["attention"] = tensors["attention_by_layer"].mean(1)
    return tensors


def example_table(path: str | os.PathLike[str], sample: Sample) -> None:
    """Writes the sample as a Parquet table that `jobs/fuse.sh --paired PATH --key id` reads.

    Columns: `id` (`row-0`, `row-1`, ...) and one per modality, `array<array<float>>`, or `array<bigint>` of token ids. The
    boxes of 'visual' are in the column `visual_boxes`: `--boxes visual=visual_boxes`.
    """
    rows = read_rows(sample)
    columns: dict[str, pa.Array] = {"id": pa.array([f"row-{i}" for i in range(len(rows))])}
    for name, first in rows[0].items():
        of_token = pa.int64() if is_ids(first) else pa.list_(pa.float32())
        columns[argument_name(name)] = pa.array([row[name].tolist() for row in rows], pa.list_(of_token))
    pq.write_table(pa.table(columns), os.fspath(path), write_page_checksum=True)
