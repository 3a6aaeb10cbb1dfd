"""Contenders as processes: what a run took, from outside and by its own clock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from braid_bench.choice import Choice
from braid_bench.records import HOME
from braid_bench.tables import KEY, Form

#: Kernel libraries of a rival take one thread each, whatever the caller's environment says, and keep the memory that a
#: mini-batch returns for the next one.
_RIVAL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "ORT_DISABLE_TELEMETRY": "1",  # it can crash ONNX Runtime as it starts
    "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
}

#: What would steer OpenBLAS away from the kernels that it finds best, or a contender to another Spark than its own.
_UNSET = ("OPENBLAS_CORETYPE", "SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS")


@dataclass(frozen=True)
class Run:
    """One run of a contender.

    process_seconds: from the start of its process to its end.
    job_seconds: from a Spark session that has started to the published output: reading the model and the tables' footers,
        starting Python workers, and Braid's checks of keys and model all lie within.
    peak_bytes: the largest resident memory of the process.
    stage_seconds: of all task slots in each of Braid's stages, from read to write, if the run was profiled.
    """

    process_seconds: float
    job_seconds: float
    peak_bytes: int
    stage_seconds: Mapping[str, float] = field(default_factory=dict)


class Contender(Protocol):
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
    heap: the Java heap, all of it taken at the start; half of the machine's memory, as it is needed, where None.
    partitions: tasks that fuse; as the table is split where None.
    conf: Spark properties, name=value.
    options: more options of the command.
    """

    name: str = "Braid"
    variant: str = ""
    slots: int = 2
    heap: str | None = None
    partitions: int | None = None
    conf: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def fuse(self, model: Path, table: Path, form: Form, output: Path) -> Run:
        environment = {"BRAID_EMBEDDED": "1"}
        command = [str(HOME / "jobs" / "fuse.sh"), "--master", f"local[{self.slots}]"]
        if self.heap is not None:
            command += ["--driver-memory", self.heap]
            environment["SPARK_SUBMIT_OPTS"] = f"-Xms{self.heap} -XX:+AlwaysPreTouch"
        command += [word for value in self.conf for word in ("--conf", value)]
        command += ["--", "--model", str(model), "--paired", str(table), "--key", KEY, "--output", str(output)]
        if form.dtype == "float16":
            command += ["--dtype", "visual=float16", "--dtype", "text=float16"]
        if self.partitions is not None:
            command += ["--partitions", str(self.partitions)]
        command += self.options
        return _timed(command, environment)


def demo(output: Path) -> Run:
    """The fusion of the demo, as `jobs/demo.sh` starts it."""
    data = HOME / "src" / "demo"
    command = [str(HOME / "jobs" / "fuse.sh"), "--options", "/dev/null", "--model", str(data / "model")]
    for modality in ("visual", "text"):
        command += ["--features", f"{modality}={data / modality}.parquet", "--dtype", f"{modality}=float16"]
    command += ["--key", "codepoints", "--keep", "emoji,label", "--output", str(output)]
    return _timed(command, {"BRAID_EMBEDDED": "1"})


@dataclass(frozen=True)
class PySpark:
    """A PySpark job, `pyspark_job`, on rows of a shape in `shape.SHAPES`."""

    name: str
    shape: str
    choice: Choice

    @property
    def variant(self) -> str:
        return f"{self.choice.encoder}, batch size {self.choice.batch_size}"

    def fuse(self, model: Path, table: Path, form: Form, output: Path) -> Run:
        paths = str(model), str(table), str(output)
        command = _python("pyspark_job", self.shape, *paths, self.choice.encoder, str(self.choice.batch_size))
        return _timed(command, _RIVAL_ENVIRONMENT)


def trial(shape: str, model: Path, table: Path) -> str:
    """What `trial` prints."""
    return _output(_python("trial", shape, str(model), str(table)), _RIVAL_ENVIRONMENT)[0]


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"braid_bench.{module}", *arguments]


def _timed(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    start = time.perf_counter()
    output, peak_bytes = _output(command, environment)
    process_seconds = time.perf_counter() - start
    seconds = re.search(r"^seconds +([\d,.]+)$", output, re.MULTILINE)
    if seconds is None:
        raise RuntimeError(f"Cannot time '{command[0]}': expected a line 'seconds S', got {output!r}")
    return Run(process_seconds, _number(seconds[1]), peak_bytes, stages(output))


def stages(output: str) -> dict[str, float]:
    """The seconds of each stage in the table that `--profile` adds to a run's output, without their total."""
    _, _, profile = output.partition("\nstage ")
    lines = re.findall(r"^([a-z-]+) +([\d,]+\.\d+) ", profile, re.MULTILINE)
    return {stage: _number(seconds) for stage, seconds in lines if stage != "total"}


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _output(command: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int]:
    """Standard output of a process and its peak resident memory; what it says on standard error shows if it fails."""
    inherited = {name: value for name, value in os.environ.items() if name not in _UNSET}
    with tempfile.TemporaryDirectory() as directory, (Path(directory) / "error").open("w+b") as error:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=error, cwd=directory, env=inherited | dict(environment), text=True
        )
        assert process.stdout is not None
        try:
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            error.seek(0)
            message = error.read().decode(errors="replace")[-4000:]
            raise RuntimeError(f"Cannot run {list(command)}: exit code {process.returncode}\n{message}")
    return output, usage.ru_maxrss << 10
