"""Do two contenders write the same rows?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from braid_bench.arrays import Floats
from braid_bench.tables import FUSED, KEY

#: Largest error, relative to max(1, |x|).
TOLERANCE = 1e-4


def largest_error(expected: Path, actual: Path) -> float:
    """Of the fused vectors of two tables, relative to max(1, |x|).

    Raises ValueError where rows differ, or numbers by more than the tolerance.
    """
    keys, vectors = _read(expected)
    actual_keys, actual_vectors = _read(actual)
    if not np.array_equal(keys, actual_keys) or vectors.shape != actual_vectors.shape:
        raise ValueError(
            f"Cannot compare {actual.name}: expected the {len(keys)} rows of {expected.name}, got {len(actual_keys)}"
        )
    error = float((np.abs(actual_vectors - vectors) / np.maximum(1.0, np.abs(vectors))).max())
    if not error <= TOLERANCE:
        raise ValueError(
            f"Cannot compare {actual.name}: expected the numbers of {expected.name} within {TOLERANCE}, got {error:.1e}"
        )
    return error


def _read(table: Path) -> tuple[np.ndarray, Floats]:
    """Keys in order, and their vectors."""
    rows = pq.read_table(table, columns=[KEY, FUSED]).sort_by(KEY).combine_chunks()
    keys = rows[KEY].to_numpy()
    return keys, rows[FUSED].combine_chunks().flatten().to_numpy().reshape(len(keys), -1)
