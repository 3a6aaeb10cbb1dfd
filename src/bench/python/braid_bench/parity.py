"""Do two contenders fuse the same rows to the same vectors?"""

from __future__ import annotations

import numpy as np

from braid_bench.models import Floats

#: By precision, the largest difference between two vectors relative to the length of the expected one. float32 sums of a
#: few thousand products round by some 1e-6; a bfloat16 and an 8-bit integer have 8 bits, and errors of six layers add up.
TOLERANCES = {"fp32": 1e-4, "bf16": 3e-2, "int8": 1e-1}


def largest_error(name: str, expected: Floats, actual: Floats, precision: str) -> float:
    """Of vectors, [rows, size], relative to the expected ones. Raises ValueError above the tolerance."""
    if actual.shape != expected.shape:
        raise ValueError(f"Cannot compare {name}: expected vectors {list(expected.shape)}, got {list(actual.shape)}")
    error = float((np.linalg.norm(actual - expected, axis=1) / np.linalg.norm(expected, axis=1)).max())
    if not error <= TOLERANCES[precision]:
        most = f"{TOLERANCES[precision]} ({precision})"
        raise ValueError(f"Cannot time {name}: expected errors up to {most}, got {error:.1e}")
    return error
