"""Short names for the array types that pass between modules."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: float32 or float16, as it was stored.
Numbers = NDArray[Any]
