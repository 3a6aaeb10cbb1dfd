"""Contenders as processes: workers that answer requests, and whole jobs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from braid_bench.tables import KEY, Form

HOME = Path(__file__).resolve().parents[4]

#: Without what would give a contender slower kernels of OpenBLAS, or another Spark than its own.
_UNSET = ("OPENBLAS_CORETYPE", "SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS")
_GRAPHS = tempfile.TemporaryDirectory(prefix="braid-bench-")
_OF_USERS = {name: value for name, value in os.environ.items() if name not in _UNSET} | {
    "BRAID_EMBEDDED": "1",
    "BRAID_BENCH_GRAPHS": _GRAPHS.name,
}

#: Kernel libraries take one thread each, whatever the caller's environment says; a rival keeps the memory that a mini-batch
#: returns for the next one.
_ONE_THREAD = _OF_USERS | {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "ORT_DISABLE_TELEMETRY": "1",  # it can crash ONNX Runtime as it starts
    "PYTHONWARNINGS": "ignore",
}


class Refused(RuntimeError):
    """A contender cannot run on this machine."""


class Worker:
    """A process that answers requests: a line each.

    variant: what it says about itself as it starts.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=_ONE_THREAD, text=True)
        state, _, self.variant = self._answer().partition(" ")
        if state != "ready":
            self.close()
            raise Refused(self.variant)

    def fuse(self, file: Path) -> None:
        """The vectors of all rows, to a file."""
        self._ask(f"fuse {file}")
        self._answer()

    def start(self) -> None:
        """Lets it do its work once."""
        self._ask("time")

    def times(self) -> tuple[float, float]:
        """Waits until the work is done: its seconds and processor seconds."""
        seconds, processor = self._answer().split()
        return float(seconds), float(processor)

    def close(self) -> None:
        self.process.communicate()

    def _ask(self, request: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"Cannot run {self.command}: it ended with exit code {self.process.wait()}")
        return line.rstrip("\n")


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"braid_bench.{module}", *arguments]


def java(name: str, *arguments: str) -> list[str]:
    """A main class of the benchmark's Java half; `jobs/bench.sh` compiles it and sets its class path."""
    home = os.environ.get("JAVA_HOME")
    options = [f"@{HOME / 'conf' / 'jvm.options'}", f"-Dlog4j2.configurationFile={HOME / 'conf' / 'log4j2.properties'}"]
    command = [f"{home}/bin/java" if home else "java", *options, "-cp", os.environ["BRAID_BENCH_CLASSPATH"]]
    return [*command, f"dev.braid.bench.{name}", *arguments]


def fuse(model: Path, table: Path, form: Form, output: Path, slots: int, *options: str) -> str:
    """What `jobs/fuse.sh` prints as a user starts it, on the Spark that Maven resolved."""
    command = [str(HOME / "jobs" / "fuse.sh"), "--master", f"local[{slots}]", "--", "--model", str(model)]
    command += ["--paired", str(table), "--key", KEY, "--output", str(output)]
    command += ["--dtype", f"visual={form.dtype}", "--dtype", f"text={form.dtype}"] if form.dtype == "float16" else []
    return printed([*command, *options], _OF_USERS)


def printed(command: Sequence[str], environment: Mapping[str, str] = _ONE_THREAD) -> str:
    """The standard output of a process; its standard error is shown if it fails."""
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.run(command, capture_output=True, cwd=directory, env=environment, text=True)
    if process.returncode != 0:
        raise RuntimeError(f"Cannot run {list(command)}: exit code {process.returncode}\n{process.stderr[-4000:]}")
    return process.stdout


def seconds(output: str) -> float:
    """What a job took from a Spark session that has started to the published output.

    It includes reading the model and the tables' footers, starting Python workers, and Braid's checks of keys and model.
    """
    found = re.search(r"^seconds +([\d,.]+)$", output, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"Cannot time a job: expected a line 'seconds S', got {output!r}")
    return _number(found[1])


def stages(output: str) -> dict[str, float]:
    """The seconds of each stage, in all task slots, in the table that `--profile` adds to a run's output."""
    _, _, profile = output.partition("\nstage ")
    lines = re.findall(r"^([a-z-]+) +([\d,]+\.\d+) ", profile, re.MULTILINE)
    return {stage: _number(of_stage) for stage, of_stage in lines if stage != "total"}


def _number(text: str) -> float:
    return float(text.replace(",", ""))
