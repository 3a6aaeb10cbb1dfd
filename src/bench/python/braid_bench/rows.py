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

    numbers: [tokens of all rows, token size] as they are stored, in Arrow's memory.
    offsets: [R + 1], the token at which a row begins.
    """

    numbers: Tensor
    offsets: Ints

    @classmethod
    def of(cls, column: pa.Array, token_size: int, dtype: str = "float16") -> FeatureColumn:
        """A column in one of the forms of `tables.FORMS`; only of a binary one the `dtype` must be told."""
        bounds = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, 4 * column.offset)
        if pa.types.is_binary(column.type):
            bounds = bounds // np.dtype(dtype).itemsize
            values = pa.Array.from_buffers(pa.from_numpy_dtype(dtype), bounds[-1], [None, column.buffers()[2]])
        else:
            values = column.values
        values = values[bounds[0] : bounds[-1]]
        if pa.types.is_list(values.type):
            values = values.flatten()
        else:
            bounds = bounds // token_size
        return cls(from_dlpack(values).view(-1, token_size), (bounds - bounds[0]).astype(np.int64))

    @cached_property
    def lengths(self) -> Ints:
        return np.diff(self.offsets)

    def padded(self, rows: Ints) -> Tensor:
        """The features of `rows` as float32, [R, M, token size], with zeros after the last token of a row."""
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        first, end = rows[0], rows[0] + len(rows)
        if (lengths == longest).all() and (rows == np.arange(first, end)).all():
            return self.numbers[self.offsets[first] : self.offsets[end]].float().view(len(rows), longest, -1)
        features = torch.empty(len(rows), longest, self.numbers.shape[1])
        for into, row, length in zip(features, rows, lengths, strict=True):
            into[:length] = self.numbers[self.offsets[row] : self.offsets[row + 1]]
            into[length:] = 0.0
        return features


@dataclass(frozen=True)
class MiniBatch:
    """Rows that are fused together.

    features: per modality [R, M, token size].
    padding: [R, S], true where a token is none; None where all are.
    weights: [R, S], of a row's tokens in their mean.
    """

    features: list[Tensor]
    padding: Tensor | None
    weights: Tensor


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
