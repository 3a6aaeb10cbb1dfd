"""Where something was measured: the machine, the versions, the revision."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from braid_bench.processes import HOME

#: Instruction sets that decide which kernels run, the most capable first.
_INSTRUCTION_SETS = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")

_LIBRARIES = {"Spark": "pyspark", "PyTorch": "torch", "ONNX Runtime": "onnxruntime", "Arrow": "pyarrow"}


def environment() -> str:
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr.split('"')[1]
    versions = {"JDK": java, "Python": platform.python_version()} | {name: version(of) for name, of in _LIBRARIES.items()}
    git = ["git", "-C", str(HOME), "describe", "--always", "--dirty"]
    revision = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    date = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    software = ", ".join(f"{name} {of}" for name, of in versions.items())
    return f"{processor()}, {os.cpu_count()} cores; {software}; {date}; revision {revision}."


def processor() -> str:
    """Its name, and the most capable of the instruction sets that it has."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.*)$", info, re.MULTILINE)
    known = flags[1].split() if flags else []
    instruction_set = next((flag for flag in _INSTRUCTION_SETS if flag in known), "unknown")
    return f"{name[1] if name else platform.machine()} ({instruction_set})"
