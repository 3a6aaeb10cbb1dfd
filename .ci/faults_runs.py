"""Runs of 'braid fuse' for faults.py: where they write, how they are stopped, and what they leave."""

import functools
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from faults_tables import GROUPS, ROWS, SCHEMA, rows, write_model, write_table

HOME = Path(__file__).resolve().parent.parent
ROOT = Path(sys.argv[1]).resolve()
FUSE = str(HOME / "jobs" / "fuse.sh")
LONG = 600  # seconds after which a run hangs, on the slowest machine
FEW = 60
# Splits a small table into many tasks.
BIG = ["--conf", "spark.sql.files.maxPartitionBytes=100k", "--conf", "spark.sql.files.openCostInBytes=1"]
BIG_SPARK = ["--master", "local[2]", *BIG]
SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(1 << 32)))
SHARE = float(os.environ.get("FAULTS_SHARE", 1))
# C1 alone is enough for short runs, and saves a third of their processor time.
SHORT = "-XX:TieredStopAtLevel=1"

counts = {"passed": 0, "failed": 0, "skipped": 0}
lock = threading.Lock()


def check(name, problems):
    """Counts and prints one case."""
    problems = [problem for problem in problems if problem]
    with lock:
        counts["failed" if problems else "passed"] += 1
        print(f"ok    {name}" if not problems else f"WRONG {name}: {'; '.join(problems)}", flush=True)


def skip(name, why):
    counts["skipped"] += 1
    print(f"skip  {name}: {why}", flush=True)


def chosen(steps):
    """A random share of the driver's changes that FAULTS_STEPS matches."""
    steps = [step for step in steps if re.search(os.environ.get("FAULTS_STEPS", ""), step)]
    some = round(len(steps) * SHARE)
    print(f"      seed {SEED}: {some} of {len(steps)} changes")
    return [steps[i] for i in sorted(random.Random(SEED).sample(range(len(steps)), some))]


class Place:
    """A directory for the outputs of runs, with the options of every run in it."""

    def __init__(self, name, inputs, spark=("--master", "local[2]"), out="out", jvm=SHORT):
        self.directory = ROOT / name
        self.output = self.directory / out
        self.scratch = ROOT / "scratch" / name.replace("/", "-")
        self.inputs, self.spark, self.jvm = list(inputs), list(spark), jvm
        self.directory.mkdir(parents=True)
        self.scratch.mkdir(parents=True)
        (self.directory / "keep").touch()

    def uri(self):
        """The output as the command line names it."""
        return str(self.output)

    def options(self):
        """The options that every command needs to reach a remote place."""
        return []

    def fetch(self):
        """Copies the files of a remote place into the directory."""

    def audit(self, expected=0):
        """Audits the output; returns the problem, if the exit code is not the expected one."""
        environment = os.environ | {"BRAID_EMBEDDED": "1", "SPARK_SUBMIT_OPTS": f"{SHORT} -Djava.io.tmpdir={self.scratch}"}
        command = [HOME / "jobs" / "audit.sh", "--master", "local[2]", *self.options(), "--", "--output", self.uri()]
        run = subprocess.run(command, env=environment, cwd=self.scratch, capture_output=True, text=True, timeout=LONG)
        return "" if run.returncode == expected else f"audit ends with {run.returncode}: {run.stderr.strip()[-300:]}"

    def start(self, *options, spark=(), hook=None, env=None):
        """Starts a run; 'hook' is the properties of Halting.java."""
        command = [FUSE, *self.spark, *spark]
        java = f"{self.jvm} -Djava.io.tmpdir={self.scratch}"
        environment = os.environ | {"BRAID_EMBEDDED": "1"} | (env or {})
        if hook:
            properties = " ".join(f"-Dhalting.{name}='{value}'" for name, value in hook.items())
            for scheme, system in (("file", "Local"), ("hdfs", "Hdfs")):
                command += ["--conf", f"spark.hadoop.fs.{scheme}.impl=dev.braid.job.Halting${system}"]
            command += ["--conf", f"spark.executor.extraClassPath={ROOT / 'hook'}",
                        "--conf", f"spark.executor.extraJavaOptions={properties}"]  # fmt: skip
            environment["HADOOP_CONF_DIR"] = str(ROOT / "hook")
            java += " " + properties
        environment["SPARK_SUBMIT_OPTS"] = java
        command += ["--", *self.inputs, "--no-verify", "--output", self.uri(), *options]
        return subprocess.Popen(command, env=environment, cwd=self.directory, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def end(self, process, expected=0):
        """Waits for a run; returns the problem, if the exit code is not the expected one."""
        self.out, self.error = process.communicate(timeout=LONG)
        self.code = process.returncode
        self.fetch()
        return "" if self.code == expected else f"expected exit code {expected}, got {self.code}: {self.error.strip()[-600:]}"

    def run(self, *options, expected=0, **more):
        return self.end(self.start(*options, **more), expected)

    def kill(self, process):
        process.kill()
        process.communicate(timeout=LONG)
        self.fetch()

    @staticmethod
    def cpu(process):
        """Processor time of a run in seconds, which marks the same moment on slow and fast machines."""
        try:
            ticks = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        except OSError:
            return float("inf")
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def hold(self, records):
        """The hook of a run that records only so many finished tasks until 'release'."""
        return {"hold": records, "release": self.scratch / "release"}

    def release(self):
        (self.scratch / "release").touch()

    def records(self):
        """How many tasks have finished."""
        return len(list(self.run_directory().glob("_shards/[0-9]*.json")))

    def wait(self, process, records):
        """Waits until so many tasks have finished, or the run has ended; returns how many have finished."""
        end = time.monotonic() + LONG
        while self.records() < records and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        return self.records()

    def log_events(self):
        """The options of a run that logs Spark's events."""
        (self.scratch / "events").mkdir(exist_ok=True)
        settings = {"enabled": "true", "dir": f"file:{self.scratch}/events", "compress": "false", "rolling.enabled": "false"}
        return [word for name, value in settings.items() for word in ("--conf", f"spark.eventLog.{name}={value}")]

    def tasks(self):
        """The ended task attempts of a run with logged events, as Spark describes them."""
        lines = [line for file in (self.scratch / "events").iterdir() for line in file.read_text().splitlines()]
        events = [json.loads(line) for line in lines]
        return [event["Task Info"] for event in events if event["Event"] == "SparkListenerTaskEnd"]

    def run_directory(self):
        return self.directory / f".{self.output.name}.run"

    def left(self):
        names = sorted(set(os.listdir(self.directory)) - {"keep", self.output.name})
        return f"left behind {names}" if names else ""

    def manifest(self):
        return json.loads((self.output / "_manifest.json").read_text())

    def stamp(self, file):
        """What tells a file from another one of the same bytes."""
        stat = file.stat()
        return stat.st_ino, stat.st_mtime_ns

    def shards(self):
        """The finished tasks of an unpublished run: each record's content, and the stamp of its file, if it has one."""
        found = {}
        for record in self.run_directory().glob("_shards/[0-9]*.json"):
            content = json.loads(record.read_text())[0]
            file = content.get("file")  # a part of a file in which no row group begins has no rows
            found[record.name] = (content, file and self.stamp(self.run_directory() / file))
        return found


def published(output):
    return pq.read_table(output).combine_chunks().sort_by("key")


def files(output):
    """How many files of fused rows there are, including those in partitions."""
    return sum("_quarantine" not in file.parts for file in output.glob("**/part-*.parquet"))


def bits(table):
    return table["fused"].combine_chunks().flatten().view(pa.int32())


def differs(place, reference):
    """Whether the published table differs from the reference: in one bit of its rows, or in its fingerprint."""
    table, manifest = published(place.output), place.manifest()
    keys = table["key"].to_pylist()
    expected = reference["table"]["key"].to_pylist()
    return [
        "" if keys == expected else f"{len(keys)} rows, {len(set(keys))} keys, expected {len(expected)}",
        "" if bits(table).equals(bits(reference["table"])) else "other numbers",
        "" if manifest["fingerprint"] == reference["fingerprint"] else "another fingerprint",
        "" if manifest["rows"] == len(expected) else f"the manifest says {manifest['rows']} rows",
        "" if files(place.output) == sum("file" in f for f in manifest["files"]) else "stray files",
    ]  # fmt: skip


def recomputed(place, before):
    """Which finished tasks were computed again."""
    records = {record["partitions"][0]: record for record in place.manifest()["files"] if record["partitions"]}
    again = []
    for name, (content, stamp) in before.items():
        path = stamp and place.output / content["file"]
        if records.get(int(name[:5])) != content or (path and path.exists() and place.stamp(path) != stamp):
            again.append(name)
    return f"computed again {again}" if again else ""


def undisturbed(name, inputs, *options, **more):
    place = Place(name, inputs, **more)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    problem = place.run(*options)
    if problem:
        sys.exit(f"an undisturbed run fails: {problem}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"table": published(place.output), "fingerprint": place.manifest()["fingerprint"], "place": place,
            "cpu": now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, "files": len(list(place.output.glob("part-*.parquet")))}  # fmt: skip


def paired(table="pairs"):
    """The input of a run of many tasks."""
    return ["--model", str(ROOT / "model"), "--paired", str(ROOT / table), "--key", "key", "--mask", "visual=mask",
            "--max-tokens", "512", "--output-files", str(GROUPS)]  # fmt: skip


def small(table="few"):
    """The input of a short run."""
    return ["--model", str(ROOT / "small"), "--paired", str(ROOT / table), "--key", "key", "--mask", "visual=mask"]


@functools.cache
def big():
    """The undisturbed run over the pairs."""
    few()  # The first start after a build prepares later ones, which takes longer than the run.
    return undisturbed("big", paired(), spark=BIG_SPARK)


@functools.cache
def few():
    """The undisturbed run over a few rows."""
    return undisturbed("few-fused", small())


def old():
    """A published table, to be replaced by one of other rows."""
    return few()["place"].output


def place_old(place):
    shutil.copytree(old(), place.output)


def prepare():
    """Writes the models and the tables."""
    write_model(ROOT / "model", 3, 256)
    write_model(ROOT / "small", 1, 16)
    write_table(ROOT / "pairs", SCHEMA, rows(ROWS), files=3, write_page_checksum=True)
    write_table(ROOT / "few", SCHEMA, rows(FEW), files=2, groups=6, write_page_checksum=True)
