"""The check s3 of faults.py: inputs and outputs in S3 (S3Mock, in a process of its own), under the settings of a cluster whose own
jobs write with the magic committer."""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow.parquet as pq

from faults_in_place import named
from faults_kills import halting, kill_and_resume, pair_elsewhere
from faults_runs import BIG_SPARK, FEW, HOME, LONG, ROOT, Place, big, check, differs, few, paired, published, small
from faults_tables import ROWS, SCHEMA, rows, write_table

BUCKET = "braid"
# Changes that publish a table, as the driver names them: with and without an older table.
PART = "part-00000-ID.zstd.parquet 1"
OVER = ["create _manifest.json 1", f"rename {PART}", "create _manifest.json 2", f"delete {PART}"]
NEW = [f"rename {PART}", "create _manifest.json 2"]


class Store:
    """The server, and its objects."""

    def __init__(self, directory):
        self.log = (directory / "s3.txt").open("w")
        self.process = subprocess.Popen(
            ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{os.environ['S3_SERVER']}/*",
             "com.adobe.testing.s3mock.S3MockApplication", "--server.port=0", "--com.adobe.testing.s3mock.httpPort=0",
             f"--com.adobe.testing.s3mock.store.initialBuckets={BUCKET}", f"--com.adobe.testing.s3mock.store.root={directory / 'data'}"],
            stdout=subprocess.PIPE, stderr=self.log, text=True)  # fmt: skip
        for line in self.process.stdout:
            self.log.write(line)
            if port := re.search(r"started on ports.* (\d+) \(http\)", line):
                self.endpoint = f"http://127.0.0.1:{port[1]}"
                break
        # Reads the rest, so that the server does not wait for a reader.
        self.reader = concurrent.futures.ThreadPoolExecutor(1)
        self.reader.submit(lambda: [self.log.write(line) for line in self.process.stdout])

    def settings(self):
        hadoop = {
            "fs.s3a.endpoint": self.endpoint, "fs.s3a.endpoint.region": "us-east-1", "fs.s3a.path.style.access": "true",
            "fs.s3a.access.key": "any", "fs.s3a.secret.key": "any",
            "fs.s3a.committer.name": "magic", "fs.s3a.committer.magic.enabled": "true",
            "mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
        }  # fmt: skip
        return {f"spark.hadoop.{name}": value for name, value in hadoop.items()} | {
            "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
            "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
        }  # fmt: skip

    def _call(self, method, path, data=None):
        request = urllib.request.Request(f"{self.endpoint}/{BUCKET}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=LONG) as answer:
            return answer.read()

    def keys(self, prefix):
        found, token = [], ""
        while token is not None:
            query = urllib.parse.urlencode({"list-type": 2, "prefix": prefix} | ({"continuation-token": token} if token else {}))
            listing = ET.fromstring(self._call("GET", f"?{query}"))
            found += [key.text for key in listing.iterfind("{*}Contents/{*}Key")]
            token = listing.findtext("{*}NextContinuationToken")
        return found

    def read(self, key):
        return self._call("GET", f"/{urllib.parse.quote(key)}")

    def write(self, key, content):
        self._call("PUT", f"/{urllib.parse.quote(key)}", content)

    def delete(self, key):
        self._call("DELETE", f"/{urllib.parse.quote(key)}")

    def upload(self, directory, prefix):
        for file in directory.rglob("*"):
            if file.is_file() and not file.name.endswith(".crc"):
                self.write(f"{prefix}/{file.relative_to(directory)}", file.read_bytes())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.reader.shutdown()
        self.log.close()


class StorePlace(Place):
    """A place in the store, with a local copy of its objects at the end of a run."""

    def __init__(self, name, inputs, store, **more):
        super().__init__(name, [word.replace(f"{ROOT}/", f"s3a://{BUCKET}/") for word in inputs], **more)
        self.store, self.remote = store, name

    def uri(self):
        return f"s3a://{BUCKET}/{self.remote}/{self.output.name}"

    def options(self):
        return ["--jars", ",".join(map(str, sorted(Path(os.environ["S3_CLIENT"]).glob("*.jar")))),
                *(word for name, value in self.store.settings().items() for word in ("--conf", f"{name}={value}"))]  # fmt: skip

    def start(self, *options, spark=(), hook=None, env=None):
        halts = ["--conf", "spark.hadoop.fs.s3a.impl=dev.braid.job.HaltingS3"] if hook else []
        return super().start(*options, spark=[*self.options(), *halts, *spark], hook=hook, env=env)

    def fetch(self):
        """Copies all objects; a directory marker becomes a directory, so that a leftover one is noticed."""
        shutil.rmtree(self.directory)
        self.directory.mkdir()
        for key in self.store.keys(f"{self.remote}/"):
            file = self.directory / key.removeprefix(f"{self.remote}/")
            if key.endswith("/"):
                file.mkdir(parents=True, exist_ok=True)
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(self.store.read(key))

    def copy(self, other):
        """Copies the objects of another place."""
        for key in self.store.keys(f"{other.remote}/"):
            self.store.write(self.remote + key.removeprefix(other.remote), self.store.read(key))
        self.fetch()

    def stamp(self, file):
        return file.name  # which no other attempt has

    def records(self):
        return len([key for key in self.store.keys(f"{self.remote}/.{self.output.name}.run/_shards/") if key.endswith(".json")])

    def job(self, target):
        """A Spark job without Braid copies the table; returns what is wrong, and the rows that it found."""
        settings = {"spark.master": "local[2]", "spark.ui.enabled": "false"} | self.store.settings()
        run = subprocess.run(
            ["java", f"@{HOME}/conf/jvm.options", "-Xmx1g", *(f"-D{name}={value}" for name, value in settings.items()), "-cp",
             f"{os.environ['S3_CLIENT']}/*:{(HOME / 'target' / 'spark.classpath').read_text().strip()}",
             "dev.braid.job.S3Job", self.uri(), target], capture_output=True, text=True, cwd=self.scratch, timeout=LONG)  # fmt: skip
        return run.stdout.strip() if run.returncode == 0 else run.stderr.strip()[-600:]


def s3():
    """The other checks' faults, in S3."""
    (ROOT / "s3").mkdir(exist_ok=True)
    store = Store(ROOT / "s3")
    try:
        write_table(ROOT / "s3-half", SCHEMA, rows(FEW)[: FEW // 2] + [row | {"key": row["key"] + ROWS} for row in rows(5)])
        for name in ("model", "small", "pairs", "few", "s3-half"):
            store.upload(ROOT / name, name)
        kills(store)
        growth(store)
        publishing(store)
    finally:
        store.stop()


def kills(store):
    reference = big()
    place = StorePlace("s3-big", paired(), store, spark=BIG_SPARK)
    kill_and_resume("S3", place, reference)
    first = place.manifest()["run"]
    check("S3: the same command again has nothing to do", [
        place.run(), "" if "Nothing to do" in place.out else place.out, "" if place.manifest()["run"] == first else "another run"])  # fmt: skip
    pair = StorePlace("s3-pair", paired(), store, spark=BIG_SPARK)
    pair_elsewhere("S3", pair, reference)
    gone = next(place.output.glob("part-*.parquet")).name
    store.delete(f"{place.remote}/{place.output.name}/{gone}")
    check("S3: the audit misses a file that was removed", [place.audit(3)])


def growth(store):
    """Updates; a Spark job without Braid, whose table is then replaced."""
    place = StorePlace("s3-grow", small("s3-half"), store)
    begun = place.run()
    place.inputs = StorePlace("s3-few", small(), store).inputs
    check("S3: an update adds the new rows and prunes the others", [
        begun, place.run("--update", "--prune"), *differs(place, few()), place.left()])  # fmt: skip
    copy = f"s3a://{BUCKET}/s3-copy/out"
    said = place.job(copy)
    marks = json.loads(store.read("s3-copy/out/_SUCCESS"))
    check("S3: a job of Spark alone reads the table, and writes another with the magic committer", [
        "" if said == f"{FEW} {FEW}" else said, "" if marks["committer"] == "magic" else f"committer {marks['committer']}"])  # fmt: skip
    copied = StorePlace("s3-copy", small(), store)
    check("S3: --overwrite replaces the table that Spark wrote", [
        copied.run("--overwrite"), *differs(copied, few()), copied.left(), copied.audit()])  # fmt: skip


def publishing(store):
    """Halts the driver instead of making changes that publish a table."""
    reference = few()
    before = StorePlace("s3-before", small(), store)
    begun = before.run("--truncate")
    old = published(before.output).num_rows
    states = {"old": 0, "new": 0, "none": 0}

    def kill(case):
        number, (over, step) = case
        killed = StorePlace(f"s3-{number}", small(), store)
        options = ["--overwrite"] if over else []
        if over:
            killed.copy(before)
        problems = [begun, killed.run(*options, hook=halting(f"s3-{number}", step), expected=137)]
        state = "none"
        if (killed.output / "_manifest.json").exists():
            state = "old" if killed.manifest()["options"]["truncate"] == "true" else "new"
            there = pq.read_table([str(file) for file in named(killed)]).num_rows
            problems.append("" if there == old else f"the manifest's files have {there} rows")
        problems.append("" if over == (state != "none") else f"unexpected: {state}")
        states[state] += 1
        problems += [killed.run(*options), *differs(killed, reference), killed.left()]
        problems.append("" if "Publishing what a run had finished" in killed.error or step == OVER[0] else killed.error.strip()[-300:])
        check(f"S3: halted at '{step}' (by the manifest: {state}), then run again", problems)

    cases = [(True, step) for step in OVER] + [(False, step) for step in NEW]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, enumerate(cases)))
    print(f"      {len(cases)} halts: by the manifest there was the old table {states['old']} times, the new one {states['new']} times, "
          f"none {states['none']} times")  # fmt: skip
