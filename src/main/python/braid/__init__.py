"""Writes PyTorch fusion models as the directories that Braid reads. Start at `export`."""

from braid.errors import ExportError
from braid.export import export
from braid.golden import example_table

__all__ = ["ExportError", "example_table", "export"]
