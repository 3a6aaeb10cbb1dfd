"""Do two contenders fuse the same rows to the same vectors?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from braid_bench.models import Floats
from braid_bench.tables import FUSED, KEY

#: By precision, the largest difference between two vectors relative to the length of the expected one. float32 sums of a
#: few thousand products round by some 1e-6; a bfloat16 has 8 bits, and errors of six layers add up.
TOLERANCES = {"fp32": 1e-4, "bf16": 3e-2}


def largest_error(name: str, expected: Floats, actual: Floats, precision: str) -> float:
    """Of vectors, [rows, size], relative to the expected ones. Raises ValueError above the tolerance."""
    if actual.shape != expected.shape:
        raise ValueError(f"Cannot compare {name}: expected vectors {list(expected.shape)}, got {list(actual.shape)}")
    error = float((np.linalg.norm(actual - expected, axis=1) / np.linalg.norm(expected, axis=1)).max())
    if not error <= TOLERANCES[precision]:
        most = f"{TOLERANCES[precision]} ({precision})"
        raise ValueError(f"Cannot time {name}: expected errors up to {most}, got {error:.1e}")
    return error


def compare_tables(expected: Path, actual: Path) -> float:
    """The largest error of the fused vectors in a table. Raises ValueError if rows are missing or vectors differ."""
    keys, vectors = _read(expected)
    actual_keys, actual_vectors = _read(actual)
    if not np.array_equal(keys, actual_keys):
        raise ValueError(
            f"Cannot compare {actual.name}: expected the {len(keys)} rows of {expected.name}, got {len(actual_keys)}"
        )
    return largest_error(actual.name, vectors, actual_vectors, "fp32")


def _read(table: Path) -> tuple[np.ndarray, Floats]:
    """Keys in order, and their vectors."""
    rows = pq.read_table(table, columns=[KEY, FUSED]).sort_by(KEY).combine_chunks()
    keys = rows[KEY].to_numpy()
    return keys, rows[FUSED].combine_chunks().flatten().to_numpy().reshape(len(keys), -1)
