"""What a Python worker of the PySpark job does with its share of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from braid_bench.choice import Choice
from braid_bench.encoders import ENCODERS, Encoder
from braid_bench.rows import feature_columns, mini_batches
from braid_bench.shape import Shape
from braid_bench.tables import FUSED, KEY

@dataclass(frozen=True)
class Fuser:
    """A function from Arrow batches of features to Arrow batches of keys and means, for `mapInArrow`."""

    model: Path
    shape: Shape
    choice: Choice

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        encoder = _loaded(self.model, self.shape, self.choice.encoder)
        for batch in batches:
            yield self.fused(encoder, batch)

    def fused(self, encoder: Encoder, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The key and the mean of every row, in the order of the rows."""
        means = np.empty((len(batch), self.shape.hidden_size), np.float32)
        columns = feature_columns(batch, self.shape.modalities)
        for rows, mini_batch in mini_batches(columns, self.choice.batch_size):
            means[rows] = encoder.fuse(mini_batch)
        offsets = np.arange(len(batch) + 1, dtype=np.int32) * self.shape.hidden_size
        fused = pa.ListArray.from_arrays(pa.array(offsets), pa.array(means.reshape(-1)))
        return pa.record_batch({KEY: batch.column(KEY), FUSED: fused})


@cache
def _loaded(model: Path, shape: Shape, encoder: str) -> Encoder:
    """The model, once per worker."""
    torch.set_num_threads(1)
    return ENCODERS[encoder](model, shape)
