"""Paired Parquet tables of random features: the same numbers in every form of storage."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from braid_bench.models import SEED, Ints, Model, Text

#: float32 or float16, as it is stored.
Numbers = NDArray[Any]

#: The column that names a row.
KEY = "id"

#: The column of fused vectors that every contender writes beside the key.
FUSED = "fused"

#: The level of Braid's default compression, with which every contender writes; parquet-java's own is 3.
ZSTD_LEVEL = 1

#: A row group is about this large as float32; half of it as float16, which holds the same rows.
_ROW_GROUP_BYTES = 32 << 20


@dataclass(frozen=True)
class Form:
    """How a feature sequence is stored: a column of tokens, from all numbers [numbers] and the tokens of each row."""

    name: str
    dtype: str
    column: Callable[[Numbers, Ints, int], pa.Array]


def nested_column(numbers: Numbers, lengths: Ints, token_size: int) -> pa.Array:
    """`array<array<float>>`: lists of tokens."""
    tokens = pa.ListArray.from_arrays(offsets_of(np.full(lengths.sum(), token_size)), pa.array(numbers))
    return pa.ListArray.from_arrays(offsets_of(lengths), tokens)


def flat_column(numbers: Numbers, lengths: Ints, token_size: int) -> pa.Array:
    """`array<float>`: the numbers of a row's tokens, one after the other."""
    return pa.ListArray.from_arrays(offsets_of(lengths * token_size), pa.array(numbers))


def binary_column(numbers: Numbers, lengths: Ints, token_size: int) -> pa.Array:
    """`binary`: the same as little-endian numbers."""
    offsets = offsets_of(lengths * token_size * numbers.itemsize)
    return pa.Array.from_buffers(pa.binary(), len(lengths), [None, offsets.buffers()[1], pa.py_buffer(numbers)])


def offsets_of(sizes: Ints) -> pa.Array:
    """Where lists of `sizes` begin and end, as Arrow keeps it."""
    return pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())


FORMS = {
    form.name: form
    for form in (
        Form("nested", "float32", nested_column),
        Form("float16", "float16", binary_column),
        Form("flat", "float32", flat_column),
        Form("float32", "float32", binary_column),
    )
}


def write_table(directory: Path, model: Model, text: Text, form: Form, rows: int) -> None:
    """Writes `rows` rows to a Parquet file in `directory`, a row group at a time.

    A column per modality and the key, a string. Numbers are normal and have float16's precision in every form. All of
    it is on the disk at the end, so that no later run shares the disk with this one.
    """
    directory.mkdir(parents=True)
    group_rows = max(1, _ROW_GROUP_BYTES // model.row_bytes)
    schema = row_group(model, text, form, 0, 1).schema
    file = directory / "part.parquet"
    with pq.ParquetWriter(file, schema, compression="zstd", compression_level=ZSTD_LEVEL, use_dictionary=False) as writer:
        for first in range(0, rows, group_rows):
            writer.write_table(row_group(model, text, form, first, min(group_rows, rows - first)))
    os.sync()


def row_group(model: Model, text: Text, form: Form, first: int, rows: int) -> pa.Table:
    random = np.random.default_rng([SEED, first])
    columns: dict[str, pa.Array] = {KEY: pa.array([f"p-{row:08}" for row in range(first, first + rows)])}
    for modality in model.modalities:
        lengths = modality.lengths(text, rows, random)
        numbers = random.standard_normal(int(lengths.sum()) * modality.token_size, np.float32)
        rounded = numbers.astype(np.float16).astype(form.dtype, copy=False)
        columns[modality.name] = form.column(rounded, lengths, modality.token_size)
    return pa.table(columns)
