"""From an Arrow batch of features to padded mini-batches, as a rival takes them.

Dimension letters: R rows, M tokens of one modality, S tokens of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from braid_bench.models import Ints, Modality


@dataclass(frozen=True)
class FeatureColumn:
    """The features of one modality in an Arrow batch.

    numbers: [tokens of all rows, feature size] as they are stored, in Arrow's memory.
    offsets: [R + 1], the token at which a row begins.
    """

    numbers: Tensor
    offsets: Ints

    @classmethod
    def of(cls, column: pa.Array, feature_size: int) -> FeatureColumn:
        """A column in one of the forms of `tables.FORMS`; binary is float16."""
        if pa.types.is_binary(column.type):
            _, ends, data = column.buffers()
            bounds = np.frombuffer(ends, np.int32)[column.offset : column.offset + len(column) + 1] // 2
            values = pa.Array.from_buffers(pa.float16(), bounds[-1], [None, data])[bounds[0] :]
            offsets = bounds // feature_size
        else:
            bounds = column.offsets.to_numpy()
            values = column.values[bounds[0] : bounds[-1]]
            nested = pa.types.is_list(values.type)
            offsets, values = (bounds, values.flatten()) if nested else (bounds // feature_size, values)
        numbers = from_dlpack(values).view(-1, feature_size)
        return cls(numbers, (offsets - offsets[0]).astype(np.int64))

    @cached_property
    def lengths(self) -> Ints:
        return np.diff(self.offsets)

    def padded(self, rows: Ints) -> Tensor:
        """The features of `rows` as float32, [R, M, feature size], with zeros after the last token of a row."""
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        first = int(rows[0])
        if (lengths == longest).all() and (rows == np.arange(first, first + len(rows))).all():
            numbers = self.numbers[self.offsets[first] : self.offsets[first + len(rows)]]
            return numbers.float().view(len(rows), longest, -1)
        features = torch.empty(len(rows), longest, self.numbers.shape[1])
        for into, row, length in zip(features, rows, lengths, strict=True):
            into[:length] = self.numbers[self.offsets[row] : self.offsets[row + 1]]
            into[length:] = 0.0
        return features


@dataclass(frozen=True)
class MiniBatch:
    """Rows that are fused together.

    features: per modality [R, M, feature size].
    padding: [R, S], true where a token is none; None where all are.
    weights: [R, S], of a row's tokens in their mean.
    """

    features: list[Tensor]
    padding: Tensor | None
    weights: Tensor

    def to(self, dtype: torch.dtype) -> MiniBatch:
        return MiniBatch([part.to(dtype) for part in self.features], self.padding, self.weights)


def mini_batches(columns: Sequence[FeatureColumn], size: int, ordered: bool) -> Iterator[tuple[Ints, MiniBatch]]:
    """Mini-batches of at most `size` rows, each with the numbers of its rows.

    ordered: whether all rows are sorted by length first; otherwise they stay in arrival order.
    """
    tokens = np.sum([column.lengths for column in columns], axis=0)
    order = np.argsort(tokens, kind="stable") if ordered else np.arange(len(tokens))
    for first in range(0, len(order), size):
        rows = order[first : first + size]
        features = [column.padded(rows) for column in columns]
        lengths = [torch.from_numpy(column.lengths[rows]) for column in columns]
        real = torch.cat([torch.arange(x.shape[1]) < n[:, None] for x, n in zip(features, lengths, strict=True)], dim=1)
        weights = real / real.sum(dim=1, keepdim=True)
        yield rows, MiniBatch(features, None if bool(real.all()) else ~real, weights)


def feature_columns(batch: pa.RecordBatch, modalities: Sequence[Modality]) -> list[FeatureColumn]:
    """The feature columns of an Arrow batch, in token order."""
    return [FeatureColumn.of(batch.column(modality.name), modality.token_size) for modality in modalities]
