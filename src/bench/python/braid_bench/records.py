"""What was measured, as JSON for the report and as lines for the reader."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

Record = dict[str, Any]

#: Instruction sets that decide which kernels run, the most telling first.
_INSTRUCTION_SETS = ("amx_tile", "avx512_bf16", "avx512f", "avx2")

_LIBRARIES = ("pyspark", "torch", "onnxruntime", "pyarrow")


def write_records(file: Path, records: Sequence[Record]) -> None:
    """Writes all records, each with the processor and the versions."""
    machine = {"cpu": cpu(), "versions": versions()}
    text = json.dumps([record | machine for record in records], indent=1)
    file.write_text(text + "\n", encoding="utf-8")


def cpu() -> str:
    """The processor's name and the first of the instruction sets that it has."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.*)$", info, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    best = next((flag for flag in _INSTRUCTION_SETS if flag in known), "")
    return f"{name[1] if name else platform.machine()} {best}".strip()


def versions() -> dict[str, str]:
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    named = {"python": platform.python_version(), "java": java.split('"')[1]}
    return named | {library: version(library) for library in _LIBRARIES}


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Aligned columns, two spaces between them."""
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    rows = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in (header, *lines))
    return "\n".join(row.rstrip() for row in rows)
