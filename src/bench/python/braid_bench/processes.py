"""Contenders as processes: whole jobs, and workers that answer requests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from braid_bench.tables import KEY, Form

HOME = Path(__file__).resolve().parents[4]

#: Kernel libraries take one thread each, whatever the caller's environment says; a rival keeps the memory that a mini-batch
#: returns for the next one.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "ORT_DISABLE_TELEMETRY": "1",  # it can crash ONNX Runtime as it starts
}

#: Variables that would give a contender slower kernels of OpenBLAS, or another Spark than its own.
_UNSET = ("OPENBLAS_CORETYPE", "SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS")


@dataclass(frozen=True)
class Run:
    """One run of a contender.

    seconds: from a Spark session that has started to the published output. It includes reading the model and the
        tables' footers, starting Python workers, and Braid's checks of keys and model.
    stage_seconds: of all task slots in each of Braid's stages, from read to write, if the run was profiled.
    """

    seconds: float
    stage_seconds: Mapping[str, float] = field(default_factory=dict)


class Job(Protocol):
    """A command that fuses a table."""

    @property
    def name(self) -> str: ...

    @property
    def variant(self) -> str:
        """How it runs the encoder, where that was chosen."""

    def fuse(self, model: Path, table: Path, form: Form, output: Path) -> Run: ...


@dataclass(frozen=True)
class Braid:
    """`jobs/fuse.sh` as a user starts it, on the Spark that Maven resolved.

    slots: task slots.
    conf: Spark properties, name=value.
    options: more options of the command.
    """

    slots: int
    conf: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    name: str = "Braid"
    variant: str = ""

    def fuse(self, model: Path, table: Path, form: Form, output: Path) -> Run:
        command = [str(HOME / "jobs" / "fuse.sh"), "--master", f"local[{self.slots}]"]
        command += [word for value in self.conf for word in ("--conf", value)]
        command += ["--", "--model", str(model), "--paired", str(table), "--key", KEY, "--output", str(output)]
        if form.dtype == "float16":
            command += ["--dtype", "visual=float16", "--dtype", "text=float16"]
        return _timed([*command, *self.options], {"BRAID_EMBEDDED": "1"})


@dataclass(frozen=True)
class PySpark:
    """`pyspark_job` with a rival, a form of it and a batch size."""

    label: str
    slots: int
    rival: str
    form: str
    batch_size: int

    @property
    def name(self) -> str:
        return f"PySpark with {self.rival}"

    @property
    def variant(self) -> str:
        return f"{self.form}; batches of {self.batch_size}"

    def fuse(self, model: Path, table: Path, form: Form, output: Path) -> Run:
        options = str(self.slots), self.rival, self.form, str(self.batch_size)
        return _timed(python("pyspark_job", self.label, str(table), str(output), *options), _ENVIRONMENT)


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"braid_bench.{module}", *arguments]


def java(name: str, *arguments: str) -> list[str]:
    """A main class of the benchmark's Java half; `jobs/bench.sh` compiles it and sets its class path."""
    home = os.environ.get("JAVA_HOME")
    options = Path(HOME / "conf" / "jvm.options")
    command = [f"{home}/bin/java" if home else "java", f"@{options}", "-cp", os.environ["BRAID_BENCH_CLASSPATH"]]
    return [*command, f"dev.braid.bench.{name}", *arguments]


class Refused(RuntimeError):
    """A contender cannot run on this machine."""


class Worker:
    """A process that answers requests: a line each."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(_ENVIRONMENT), text=True
        )
        state, _, self.variant = self._answer().partition(" ")
        if state != "ready":
            self.close()
            raise Refused(self.variant)

    def send(self, request: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"Cannot run {self.command}: it ended with exit code {self.process.wait()}")
        return line.rstrip("\n")

    def fuse(self, file: Path) -> None:
        """The vectors of all rows, to a file."""
        self.send(f"fuse {file}")
        self._answer()

    def times(self) -> tuple[float, float]:
        """The answer to `time`: seconds and processor seconds."""
        seconds, processor = self._answer().split()
        return float(seconds), float(processor)

    def close(self) -> None:
        self.process.communicate()


def _timed(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    output = _output(command, environment)
    seconds = re.search(r"^seconds +([\d,.]+)$", output, re.MULTILINE)
    if seconds is None:
        raise RuntimeError(f"Cannot time '{command[0]}': expected a line 'seconds S', got {output!r}")
    return Run(_number(seconds[1]), stages(output))


def stages(output: str) -> dict[str, float]:
    """The seconds of each stage in the table that `--profile` adds to a run's output, without their total."""
    _, _, profile = output.partition("\nstage ")
    lines = re.findall(r"^([a-z-]+) +([\d,]+\.\d+) ", profile, re.MULTILINE)
    return {stage: _number(seconds) for stage, seconds in lines if stage != "total"}


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _environment(changes: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _UNSET} | dict(changes)


def _output(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Standard output of a process; standard error is shown if it fails."""
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.run(command, capture_output=True, cwd=directory, env=_environment(environment), text=True)
    if process.returncode != 0:
        raise RuntimeError(f"Cannot run {list(command)}: exit code {process.returncode}\n{process.stderr[-4000:]}")
    return process.stdout
