"""Braid in Python: exports PyTorch fusion models, fuses Spark tables with them, and reads fused tables.

`export` needs torch (`braid[torch]`). `fuse` and the other functions for Spark need PySpark (`braid[spark]`). `read_vectors`
needs neither.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from braid.errors import BraidError, ExportError
    from braid.exporter import export
    from braid.golden import example_table
    from braid.jar import jar_path
    from braid.pairs import join_features
    from braid.session import inspect, plain_errors, verify
    from braid.transformer import FusionTransformer, fuse
    from braid.vectors import Vectors, read_vectors

__all__ = [
    "BraidError",
    "ExportError",
    "FusionTransformer",
    "Vectors",
    "example_table",
    "export",
    "fuse",
    "inspect",
    "jar_path",
    "join_features",
    "plain_errors",
    "read_vectors",
    "verify",
]

_HOMES = {
    "BraidError": "errors",
    "ExportError": "errors",
    "FusionTransformer": "transformer",
    "Vectors": "vectors",
    "example_table": "golden",
    "export": "exporter",
    "fuse": "transformer",
    "inspect": "session",
    "jar_path": "jar",
    "join_features": "pairs",
    "plain_errors": "session",
    "read_vectors": "vectors",
    "verify": "session",
}
_EXTRAS = {"torch": "torch", "safetensors": "torch", "pyspark": "spark", "py4j": "spark"}


def __getattr__(name: str) -> Any:
    """Imports a name when it is first used, so that torch and PySpark are imported only if they are needed."""
    if name not in _HOMES:
        raise AttributeError(f"module 'braid' has no attribute '{name}'")
    try:
        value = getattr(importlib.import_module(f"braid.{_HOMES[name]}"), name)
    except ModuleNotFoundError as missing:
        extra = _EXTRAS.get(str(missing.name).split(".")[0])
        if extra is None:
            raise
        raise ModuleNotFoundError(
            f"Cannot use braid.{name}: expected '{missing.name}', got no such package; pip install 'braid[{extra}]'",
            name=missing.name,
        ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
