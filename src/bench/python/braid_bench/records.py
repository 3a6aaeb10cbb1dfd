"""What was measured, as JSON for the report and as lines for the reader."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

Record = dict[str, Any]

HOME = Path(__file__).resolve().parents[4]

#: Instruction sets that decide which kernels run, the most telling first.
_INSTRUCTION_SETS = ("amx_tile", "avx512_bf16", "avx512f", "avx2")

_LIBRARIES = {"Spark": "pyspark", "PyTorch": "torch", "ONNX Runtime": "onnxruntime", "Arrow": "pyarrow"}


def write_records(file: Path, measured: Mapping[str, Sequence[Record]]) -> None:
    """Writes records by what they are, and where they were made, in the words of the report's `Environment`."""
    text = json.dumps({"environment": environment(), **measured}, indent=1)
    file.write_text(text + "\n", encoding="utf-8")


def environment() -> Record:
    """This machine, and the versions of what runs on it."""
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    described = subprocess.run(
        ["git", "-C", str(HOME), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "java": java.split('"')[1],
        "libraries": {"Python": platform.python_version()} | {name: version(of) for name, of in _LIBRARIES.items()},
        "revision": described.stdout.strip(),
    }


def processor() -> str:
    """Its name and the first of the instruction sets that it has."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.*)$", info, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    instruction_set = next((flag for flag in _INSTRUCTION_SETS if flag in known), "unknown")
    return f"{name[1] if name else platform.machine()} ({instruction_set})"


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Aligned columns, two spaces between them."""
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    rows = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in (header, *lines))
    return "\n".join(row.rstrip() for row in rows)
