"""Paired Parquet tables of random features: the same numbers in every storage form, of which only one need exist.

Rows are drawn and written by the row group, so a table of any size takes the memory of one, and a short table is the
beginning of a longer one.
"""

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

#: A row group is about this large as float32; half of it as float16, which holds the same rows.
_ROW_GROUP_BYTES = 32 << 20

_GROUPS_PER_FILE = 8


@dataclass(frozen=True)
class Form:
    """How a feature sequence is stored: a column of tokens, from all numbers [numbers] and where rows end."""

    name: str
    compression: str
    dtype: str
    column: Callable[[Numbers, Ints, int], pa.Array]


def nested_column(numbers: Numbers, lengths: Ints, feature_size: int) -> pa.Array:
    """`array<array<float>>`: lists of tokens."""
    tokens = pa.ListArray.from_arrays(offsets_of(np.full(lengths.sum(), feature_size)), pa.array(numbers))
    return pa.ListArray.from_arrays(offsets_of(lengths), tokens)


def flat_column(numbers: Numbers, lengths: Ints, feature_size: int) -> pa.Array:
    """`array<float>`: the numbers of a row's tokens, one after the other."""
    return pa.ListArray.from_arrays(offsets_of(lengths * feature_size), pa.array(numbers))


def binary_column(numbers: Numbers, lengths: Ints, feature_size: int) -> pa.Array:
    """`binary`: the same as little-endian numbers."""
    offsets = offsets_of(lengths * feature_size * numbers.itemsize)
    return pa.Array.from_buffers(pa.binary(), len(lengths), [None, offsets.buffers()[1], pa.py_buffer(numbers)])


def offsets_of(sizes: Ints) -> pa.Array:
    """Where lists of `sizes` begin and end, as Arrow keeps it."""
    return pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())


FORMS = {
    form.name: form
    for form in (
        Form("nested", "zstd", "float32", nested_column),
        Form("flat", "zstd", "float32", flat_column),
        Form("float16", "zstd", "float16", binary_column),
    )
}


def write_table(directory: Path, model: Model, text: Text, form: Form, rows: int) -> int:
    """Writes `rows` rows to Parquet files in `directory`, and returns their tokens.

    A column per modality and the key, a string. Numbers are normal and have float16's precision in every form. All of
    it is on the disk at the end, so that no later run shares the disk with this one.
    """
    directory.mkdir(parents=True)
    group_rows = max(1, _ROW_GROUP_BYTES // model.row_bytes)
    tokens = 0
    for first_of_file in range(0, rows, group_rows * _GROUPS_PER_FILE):
        end = min(rows, first_of_file + group_rows * _GROUPS_PER_FILE)
        file = directory / f"part-{first_of_file:08}.parquet"
        writer: pq.ParquetWriter | None = None
        for first in range(first_of_file, end, group_rows):
            group, group_tokens = _row_group(model, text, form, first, group_rows, min(group_rows, end - first))
            tokens += group_tokens
            if writer is None:
                writer = pq.ParquetWriter(file, group.schema, compression=form.compression, use_dictionary=False)
            writer.write_table(group)
        assert writer is not None
        writer.close()
    os.sync()
    return tokens


def _row_group(model: Model, text: Text, form: Form, first: int, drawn: int, taken: int) -> tuple[pa.Table, int]:
    random = np.random.default_rng([SEED, first])
    lengths = model.lengths(text, drawn, random)
    columns: dict[str, pa.Array] = {KEY: pa.array([f"p-{row:08}" for row in range(first, first + taken)])}
    for modality, of_modality in zip(model.modalities, lengths, strict=True):
        of_modality = of_modality[:taken]
        numbers = np.random.default_rng([SEED, first, modality.token_size]).standard_normal(
            of_modality.sum() * modality.token_size, np.float32
        )
        rounded = numbers.astype(np.float16).astype(form.dtype, copy=False)
        columns[modality.name] = form.column(rounded, of_modality, modality.token_size)
    return pa.table(columns), int(sum(of_modality[:taken].sum() for of_modality in lengths))
