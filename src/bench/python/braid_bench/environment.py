"""Where something was measured: the machine, the versions, the revision."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from braid_bench.processes import HOME

#: Instruction sets that decide which kernels run, the most capable first.
_INSTRUCTION_SETS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")

_LIBRARIES = {"Spark": "pyspark", "PyTorch": "torch", "ONNX Runtime": "onnxruntime", "Arrow": "pyarrow"}


def environment() -> dict[str, Any]:
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    described = subprocess.run(
        ["git", "-C", str(HOME), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "versions": {"JDK": java.split('"')[1], "Python": platform.python_version()}
        | {name: version(of) for name, of in _LIBRARIES.items()},
        "revision": described.stdout.strip(),
    }


def processor() -> str:
    """Its name, and the most capable of the instruction sets that it has."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.*)$", info, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    instruction_set = next((flag for flag in _INSTRUCTION_SETS if flag in known), "unknown")
    return f"{name[1] if name else platform.machine()} ({instruction_set})"
