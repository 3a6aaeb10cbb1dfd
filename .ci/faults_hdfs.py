"""The check hdfs of faults.py: outputs on HDFS, a name node and a data node in a process of their own."""

import os
import shutil
import subprocess

from faults_in_place import UPDATE, growing, halted
from faults_in_place import publishing as changes
from faults_kills import halting, kill_and_resume, pair_elsewhere
from faults_runs import BIG_SPARK, HOME, ROOT, SHORT, Place, big, check, differs, few, paired, small

# The changes with which a table is replaced.
PUBLISHING = ["rename out 1", "rename .out.run 1", "delete .out.replaced 1"]


class Hdfs:
    def __init__(self, directory):
        self.log = (directory / "hdfs.txt").open("w")
        self.process = subprocess.Popen(
            ["java", f"@{HOME}/conf/jvm.options", SHORT, "-Xmx512m", "-cp", os.environ["HDFS_CLASSPATH"], "dev.braid.job.Hdfs",
             str(directory / "data")], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)  # fmt: skip
        self.uri = self.process.stdout.readline().strip()

    def shell(self, *words):
        """Hadoop's 'fs' command; its exit code."""
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


class RemotePlace(Place):
    """A place on HDFS, with a local copy of its files at the end of a run."""

    def __init__(self, name, inputs, hdfs, **more):
        super().__init__(name, inputs, **more)
        self.hdfs, self.remote = hdfs, f"{hdfs.uri}/{name}"
        hdfs.shell("-mkdir", "-p", self.remote)

    def uri(self):
        return f"{self.remote}/{self.output.name}"

    def fetch(self):
        """Copies all files, except those that a killed run was writing, which cannot be read."""
        shutil.rmtree(self.directory)
        self.hdfs.shell("-get", "-p", self.remote, self.directory.parent)

    def stamp(self, file):
        return file.stat().st_mtime_ns  # the copy has that of the file on HDFS

    def records(self):
        """The records of a run that is still writing other files."""
        copy = self.scratch / "_shards"
        shutil.rmtree(copy, ignore_errors=True)
        self.hdfs.shell("-get", f"{self.remote}/.{self.output.name}.run/_shards", self.scratch)
        return len(list(copy.glob("[0-9]*.json")))


def hdfs():
    """The other checks' faults, on HDFS."""
    (ROOT / "hdfs").mkdir(exist_ok=True)
    started = Hdfs(ROOT / "hdfs")
    try:
        reference = big()
        place = RemotePlace("remote", paired(), started, spark=BIG_SPARK)
        kill_and_resume("HDFS", place, reference)
        first = place.manifest()["run"]
        check("HDFS: the same command again has nothing to do; --overwrite computes it again", [
            place.run(), "" if "Nothing to do" in place.out else place.out, "" if place.manifest()["run"] == first else "another run",
            place.run("--overwrite"), *differs(place, reference), place.left(),
            "" if place.manifest()["run"] != first else "the same run"])  # fmt: skip
        file = next(place.output.glob("part-*.parquet")).name
        started.shell("-rm", "-skipTrash", f"{place.uri()}/{file}")
        check("HDFS: the audit misses a file that was removed", [place.audit(3)])

        place = RemotePlace("remote-pair", paired(), started, spark=BIG_SPARK)
        pair_elsewhere("HDFS", place, reference)
        publishing(started)
        in_place(started)
    finally:
        started.stop()


def publishing(started):
    """The driver halts while it replaces a table."""
    before = RemotePlace("remote-old", small(), started)
    begun = before.run("--truncate")
    for step in PUBLISHING:
        place = RemotePlace("remote-" + step.replace(" ", "-"), small(), started)
        started.shell("-cp", before.uri(), place.uri())
        problems = [begun, place.run("--overwrite", hook=halting(f"remote {step}", step), expected=137)]
        state = "none" if not place.output.exists() else "old" if place.manifest()["options"]["truncate"] == "true" else "new"
        problems += [place.run("--overwrite"), *differs(place, few()), place.left()]
        check(f"HDFS: halted at '{step}' (at the place: {state}), then run again", problems)


def in_place(started):
    """The driver halts while it publishes an update: at its first and last change, and around the manifest's replacement."""
    before, reference = growing()

    def place(name):
        found = RemotePlace(f"remote-grow-{name}", small(), started)
        started.shell("-put", before["place"].output, found.remote)
        return found

    trace = place("trace")
    problem = trace.run(*UPDATE, hook=halting("remote grow"))
    check("HDFS: an update is published in place", [problem, *differs(trace, reference), trace.left()])
    steps = changes("remote grow")
    moved = next(step for step in steps if step.startswith("rename part-"))
    replaced = next(i for i, step in enumerate(steps) if step.startswith("delete part-"))
    for step in (moved, steps[replaced - 1], steps[replaced], steps[-1]):
        state, problems = halted(place(step.replace(" ", "-")), f"remote grow {step}", step)
        check(f"HDFS: halted at '{step}' (the manifest's files: {state}), then run again", problems)
