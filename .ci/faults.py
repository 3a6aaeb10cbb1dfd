"""faults.py DIRECTORY [CHECK...]: breaks runs of 'braid fuse' and counts what is lost.

steps      the driver halts in place of each change that it makes to files, while it replaces a table
grow       the same while it publishes an update into a table
partitions the same while it replaces one partition of a table and adds another
random     kill -9 of the driver at ten random moments, five of them over an older table
pair       two runs with one output; SIGTERM; the same command again
quarantine broken rows of every reason, and a kill in between
cluster    kill -9 of an executor and of a worker of a standalone cluster, with speculation
inputs     files cut, damaged and replaced; a full disk
"""

import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from faults_tables import GROUPS, REASONS, ROWS, SCHEMA, broken, joined, rows, write_model, write_table

HOME = Path(__file__).resolve().parent.parent
FUSE = str(HOME / "jobs" / "fuse.sh")
SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(1 << 32)))

passed, failed = 0, 0
lock = threading.Lock()


def check(name, problems):
    """Counts and prints one case."""
    global passed, failed
    problems = [problem for problem in problems if problem]
    with lock:
        passed, failed = passed + (not problems), failed + bool(problems)
        print(f"ok    {name}" if not problems else f"WRONG {name}: {'; '.join(problems)}", flush=True)


# Runs.


class Place:
    """A directory of its own for outputs, with what every run in it needs."""

    def __init__(self, name, inputs, spark=("--master", "local[2]"), out="out"):
        self.directory = ROOT / name
        self.output = self.directory / out
        self.scratch = ROOT / "scratch" / name.replace("/", "-")
        self.inputs, self.spark = list(inputs), list(spark)
        self.directory.mkdir(parents=True)
        self.scratch.mkdir(parents=True)
        (self.directory / "keep").touch()

    def start(self, *options, spark=(), hook=None, env=None):
        command = [FUSE, *self.spark, *spark]
        java = f"-Djava.io.tmpdir={self.scratch}"
        environment = os.environ | {"BRAID_EMBEDDED": "1"} | (env or {})
        if hook:
            command += ["--conf", "spark.hadoop.fs.file.impl=dev.braid.job.Halting"]
            environment["HADOOP_CONF_DIR"] = str(ROOT / "hook")
            java += "".join(f" -Dhalting.{name}='{value}'" for name, value in hook.items())
        environment["SPARK_SUBMIT_OPTS"] = java
        command += ["--", *self.inputs, "--no-verify", "--output", str(self.output), *options]
        return subprocess.Popen(command, env=environment, cwd=self.directory, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def run(self, *options, expected=0, **more):
        """Runs to the end; the problems, if it ends otherwise."""
        out, error = (process := self.start(*options, **more)).communicate(timeout=200)
        self.out, self.error, self.code = out, error, process.returncode
        return "" if self.code == expected else f"expected exit code {expected}, got {self.code}: {error.strip()[-600:]}"

    def run_directory(self):
        return self.directory / f".{self.output.name}.run"

    def left(self):
        names = sorted(set(os.listdir(self.directory)) - {"keep", self.output.name})
        return f"left behind {names}" if names else ""

    def manifest(self):
        return json.loads((self.output / "_manifest.json").read_text())

    def shards(self):
        """What is finished of an unpublished run: of each record its content, and of its file the inode and the time."""
        found = {}
        for record in self.run_directory().glob("_shards/[0-9]*.json"):
            content = json.loads(record.read_text())[0]
            stat = (self.run_directory() / content["file"]).stat()
            found[record.name] = (content, stat.st_ino, stat.st_mtime_ns)
        return found


def published(output):
    return pq.read_table(output).combine_chunks().sort_by("key")


def differs(place, reference):
    """Whether the published table is another than the reference: in its rows, to the bit, or its fingerprint."""
    table, manifest = published(place.output), place.manifest()
    keys = table["key"].to_pylist()
    expected = reference["table"]["key"].to_pylist()
    bits = table["fused"].combine_chunks().flatten().view(pa.int32())
    return [
        "" if keys == expected else f"{len(keys)} rows, {len(set(keys))} keys, expected {len(expected)}",
        "" if bits.equals(reference["table"]["fused"].combine_chunks().flatten().view(pa.int32())) else "other numbers",
        "" if manifest["fingerprint"] == reference["fingerprint"] else "another fingerprint",
        "" if manifest["rows"] == len(expected) else f"the manifest says {manifest['rows']} rows",
        "" if sum("_quarantine" not in str(f) for f in place.output.glob("**/part-*.parquet")) == sum("file" in f for f in manifest["files"]) else "stray files",
    ]  # fmt: skip


def recomputed(place, before):
    """Which finished tasks were computed again."""
    manifest = place.manifest()
    records = {record["partitions"][0]: record for record in manifest["files"] if record["partitions"]}
    again = []
    for name, (content, inode, time_ns) in before.items():
        path = place.output / content["file"]
        stat = path.stat() if path.exists() else None
        if records.get(int(name[:5])) != content or (stat and (stat.st_ino, stat.st_mtime_ns)) != (inode, time_ns):
            again.append(name)
    return f"computed again {again}" if again else ""


def undisturbed(name, inputs, *options, **more):
    place = Place(name, inputs, **more)
    begun = time.monotonic()
    problem = place.run(*options)
    if problem:
        sys.exit(f"an undisturbed run fails: {problem}")
    found = {"table": published(place.output), "fingerprint": place.manifest()["fingerprint"], "place": place,
             "seconds": time.monotonic() - begun, "files": len(list(place.output.glob("part-*.parquet")))}  # fmt: skip
    return found


BIG = ["--conf", "spark.sql.files.maxPartitionBytes=100k", "--conf", "spark.sql.files.openCostInBytes=1"]


def paired():
    return ["--model", str(ROOT / "model"), "--paired", str(ROOT / "pairs"), "--key", "key", "--mask", "visual=mask",
            "--max-tokens", "512", "--output-files", str(GROUPS)]  # fmt: skip


def small():
    return ["--model", str(ROOT / "small"), "--paired", str(ROOT / "few"), "--key", "key", "--mask", "visual=mask"]


# The checks.


def steps():
    """Halts the driver in place of every change, while it replaces an older table and finds what a run with other options left."""
    reference = undisturbed("steps-new", small())
    other = undisturbed("steps-old", small(), "--truncate")
    before = Place("steps-before", small())
    shutil.copytree(other["place"].output, before.output)
    begun = before.run("--truncate", "--overwrite", hook=halting("begun", "create _SUCCESS 1"), expected=137)

    def place(name):
        shutil.rmtree((found := Place(name, small())).directory)
        shutil.copytree(before.directory, found.directory)
        return found

    trace = place("steps-trace")
    problem = trace.run("--overwrite", hook=halting("trace"))
    found = (ROOT / "scratch" / "trace.txt").read_text().splitlines()
    found = [step for step in found if "steps-" not in step]
    # A deletion cut short, then a run with the options of the one whose files it deletes.
    found += [f"{step} torn" for step in found if step.startswith(("delete .out.run", "delete .out.replaced"))]
    found = [step for step in found if re.search(os.environ.get("FAULTS_STEPS", ""), step)]
    check(f"the driver makes {len(found)} changes", [begun, problem, *differs(trace, reference), trace.left()])
    states = {"old": 0, "new": 0, "none": 0}

    def kill(case):
        number, step = case
        killed = place(f"steps-{number}")
        problems = [killed.run("--overwrite", hook=halting(str(number), step), expected=137)]
        state = "none"
        if killed.output.exists():
            problems += differs(killed, reference)
            state = "new" if killed.manifest()["options"].get("truncate") != "true" else "old"
        states[state] += 1
        if step.endswith("torn"):
            problems += [killed.run("--truncate", "--overwrite"), *differs(killed, reference)]
        problems += [killed.run("--overwrite"), *differs(killed, reference), killed.left()]
        check(f"halted at '{step}' (at the place: {state}), then run again", problems)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, enumerate(found)))
    print(f"      {len(found)} halts: the old table was at its place {states['old']} times, the new one {states['new']} times, "
          f"none {states['none']} times")  # fmt: skip


def grow():
    """Halts the driver in place of every change that publishes an update: rows come and go, a file is copied without some."""
    reference = undisturbed("grow-new", small())
    half = small()
    half[half.index("--paired") + 1] = str(ROOT / "half")
    write_table(ROOT / "half", SCHEMA, FEW[: len(FEW) // 2] + [row | {"key": row["key"] + ROWS} for row in FEW[:5]])
    before = undisturbed("grow-old", half, "--output-files", "1")
    old = before["table"]["key"].to_pylist()
    update = ["--update", "--prune"]

    def place(name):
        shutil.rmtree((found := Place(name, small())).directory)
        shutil.copytree(before["place"].directory, found.directory)
        return found

    def named(place):
        """The keys in the files that the manifest names."""
        names = [place.output / record["file"] for record in place.manifest()["files"] if "file" in record]
        return sorted(pq.read_table([str(name) for name in names])["key"].to_pylist())

    trace = place("grow-trace")
    problem = trace.run(*update, hook=halting("grow"))
    found = (ROOT / "scratch" / "grow.txt").read_text().splitlines()
    found = found[found.index("rename _in_place.json.ID 1") :]
    found += [f"{step} torn" for step in found if step.startswith("delete .out.run")]
    check(f"the driver publishes an update in {len(found)} changes", [problem, *differs(trace, reference), trace.left()])
    states = {"old": 0, "new": 0}

    def kill(case):
        number, step = case
        killed = place(f"grow-{number}")
        problems = [killed.run(*update, hook=halting(f"grow-{number}", step), expected=137)]
        keys = named(killed)
        state = "old" if keys == old else "new"
        states[state] += 1
        if state == "new":
            problems.append("" if keys == reference["table"]["key"].to_pylist() else f"keys {keys}")
        finished = (killed.run_directory() / "_manifest.json").exists()
        problems += [killed.run(*update), *differs(killed, reference), killed.left()]
        said = "Publishing what a run had finished" in killed.error
        problems.append("" if said == finished else f"says '{killed.error.strip()[-300:]}'")
        check(f"halted at '{step}' (the manifest's files: {state}), then run again", problems)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, enumerate(found)))
    print(f"      {len(found)} halts: the manifest named the old files {states['old']} times, the new ones {states['new']} times")


def partitions():
    """Halts the driver while it publishes a partition in place of an older one, and a new one, into a table with a third."""

    def inputs(nights):
        return [str(ROOT / "nights" / nights) if word == str(ROOT / "few") else word for word in small()] + ["--partition-by", "dt"]

    for night in range(3):
        write_table(ROOT / "nights" / f"dt=2026-11-2{night}", SCHEMA, FEW[20 * night :][:20], groups=2, write_page_checksum=True)
    before = Place("nights-before", inputs("dt=2026-11-2[01]"))
    begun = before.run()

    def place(name):
        shutil.rmtree((found := Place(name, inputs("dt=2026-11-2[12]"))).directory)
        shutil.copytree(before.directory, found.directory)
        return found

    trace = place("nights-trace")
    refused = trace.run(expected=2)
    problem = trace.run("--overwrite", hook=halting("nights"))
    reference = {"table": published(trace.output), "fingerprint": trace.manifest()["fingerprint"]}
    check("a run is refused whose partition is there, and with --overwrite replaces it alone", [
        begun, refused, "" if "'dt=2026-11-21'" in trace.error or problem == "" else trace.error, problem, trace.left(),
        "" if [row["dt"] for row in published(trace.output).to_pylist()] == [f"2026-11-2{key // 20}" for key in range(60)] else "other rows",
    ])  # fmt: skip
    steps = (ROOT / "scratch" / "nights.txt").read_text().splitlines()
    moved = [step for step in steps if step.startswith("rename part-")]
    steps = [moved[0], moved[-1], *[step for step in steps if step.startswith("delete part-")]]
    states = {"old": 0, "new": 0}

    def kill(case):
        number, step = case
        killed = place(f"nights-{number}")
        problems = [killed.run("--overwrite", hook=halting(f"nights-{number}", step), expected=137)]
        manifest = killed.manifest()
        states["new" if manifest["rows"] == 60 else "old"] += 1
        named = [file for file in manifest["files"] if "file" in file]
        rows_there = sum(pq.read_metadata(killed.output / file["file"]).num_rows for file in named)
        problems += ["" if rows_there == manifest["rows"] else "the manifest names rows that are not there"]
        problems += [killed.run("--overwrite"), *differs(killed, reference), killed.left()]
        check(f"halted at '{step}', then run again", problems)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, enumerate(steps)))
    print(f"      {len(steps)} halts: the manifest was the old one {states['old']} times, the new one {states['new']} times")


def halting(name, step=""):
    return {"log": ROOT / "scratch" / f"{name}.txt", "at": step}


def moments():
    """kill -9 at ten random moments."""
    reference = undisturbed("random-reference", paired(), spark=BIG_SPARK)
    dice = random.Random(SEED)
    print(f"      seed {SEED}; undisturbed {reference['seconds']:.1f} seconds, {reference['files']} files")
    kept = 0
    for number in range(10):
        place = Place(f"random-{number}", paired(), spark=BIG_SPARK)
        over = number % 2 == 1
        if over:
            shutil.copytree(OLD, place.output)
        options = ["--overwrite"] if over else []
        moment = dice.uniform(0.4, 1) * reference["seconds"]
        process = place.start(*options)
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        ended = process.returncode
        before = place.shards() if place.run_directory().exists() else {}
        problems = []
        if over and place.output.exists() and ended != 0:
            problems.append("" if published(place.output).num_rows in (ROWS, len(FEW)) else "a torn table")
        problems += [place.run(*options)]
        if not problems[-1]:
            problems += [*differs(place, reference), place.left(), recomputed(place, before)]
        kept += len(before)
        check(f"killed after {moment:.1f} s ({'over an older table, ' * over}code {ended}, {len(before)} tasks finished),"
              " then run again", problems)  # fmt: skip
    check(f"{kept} finished tasks outlived ten kills", ["" if kept else "no kill met a finished task; other moments needed"])


def pair():
    """Two runs at once; a signal."""
    reference = undisturbed("pair-reference", paired(), spark=BIG_SPARK)
    place = Place("pair", paired(), spark=BIG_SPARK)
    both = [place.start() for _ in range(2)]
    ended = [process.communicate(timeout=200) for process in both]
    codes = sorted(process.returncode for process in both)
    loser = next((error for process, (_, error) in zip(both, ended) if process.returncode == 2), "")
    check("of two runs with one output, one wins and the other is told", [
        "" if codes == [0, 2] else f"exit codes {codes}: {[error[-300:] for _, error in ended]}",
        "" if "expected no other run that writes it" in loser else f"the other says '{loser.strip()[-300:]}'",
        *differs(place, reference), place.left(),
    ])  # fmt: skip

    place = Place("signal", paired(), spark=BIG_SPARK)
    process = place.start()
    before = wait_for_shards(place, process, 4)
    process.terminate()
    _, error = process.communicate(timeout=60)
    after = place.shards()
    problems = [
        "" if process.returncode == 143 else f"exit code {process.returncode}",
        "" if len(error.strip().splitlines()) == 1 else f"says '{error.strip()}'",
        "" if set(before) <= set(after) else "finished tasks are gone",
        place.run(), recomputed(place, after), *differs(place, reference), place.left(),
    ]  # fmt: skip
    check(f"SIGTERM after {len(after)} tasks, then the same command: goes on", problems)
    first = place.manifest()["run"]
    check("the same command again: nothing to do", [
        place.run(), "" if "Nothing to do" in place.out else place.out, "" if place.manifest()["run"] == first else "another run"])  # fmt: skip
    check("--overwrite computes it again", [
        place.run("--overwrite"), *differs(place, reference), place.left(),
        "" if place.manifest()["run"] != first else "the same run",
    ])  # fmt: skip


def wait_for_shards(place, process, count):
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        found = list(place.run_directory().glob("_shards/[0-9]*.json"))
        if len(found) >= count:
            return [record.name for record in found]
        time.sleep(0.02)
    return []


def set_aside(place):
    """The quarantine's rows but for their run, and what is wrong with the whole."""
    table = pq.read_table(place.output / "_quarantine")
    runs = set(table["run_id"].to_pylist())
    found = sorted(table.drop(["run_id"]).to_pylist(), key=repr)
    return found, "" if runs == {place.manifest()["run"]} else f"rows of the runs {runs}"


def quarantine():
    """Broken rows of every reason."""
    listed = set((HOME / "src/main/java/dev/braid/spark/Reason.java").read_text().split("{", 1)[1].replace(",", " ")
                 .replace(";", " ").lower().split()) & REASONS  # fmt: skip
    good = rows(ROWS)
    added, expected = broken(good)
    mixed = good + added
    random.Random(5).shuffle(mixed)
    common = ["--model", str(ROOT / "model"), "--key", "key", "--mask", "visual=mask", "--max-tokens", "2048", "--partitions", "12",
              "--output-files", "12"]  # fmt: skip
    mixed_inputs = common + joined(ROOT / "mixed", mixed)
    reference = undisturbed("good", common + joined(ROOT / "good-rows", good))
    aside = ["--on-bad-row", "quarantine", "--on-missing-modality", "quarantine"]
    place = Place("quarantined", mixed_inputs)
    problem = place.run(*aside)
    found, other = set_aside(place) if not problem else ([], "")
    reasons = sorted((str(row["key"]), str(row["modality"]), row["reason"]) for row in found)
    wanted = sorted(tuple(map(str, row)) for row in expected)
    counts = {reason: sum(row[2] == reason for row in expected) for reason in REASONS}
    line = next((line for line in place.out.splitlines() if line.startswith("quarantined")), "")
    check(f"{len(expected)} broken rows of {len(listed)} reasons: each once in the quarantine, good rows the same to the bit", [
        problem, *([] if problem else differs(place, reference)), other, place.left(),
        "" if listed == REASONS == {row[2] for row in expected} else f"reasons {listed ^ REASONS}",
        "" if reasons == wanted else
        f"expected and not there {[r for r in wanted if r not in reasons]}, there and not expected {[r for r in reasons if r not in wanted]}",
        "" if problem or place.manifest()["quarantined"] == counts else f"the manifest counts {place.manifest()['quarantined']}",
        "" if all(f"{reason} {count}" in line for reason, count in counts.items()) and f" {len(expected)} rows" in line
        else f"the report says '{line}'",
    ])  # fmt: skip

    killed = Place("quarantine-killed", mixed_inputs)
    process = killed.start(*aside)
    wait_for_shards(killed, process, 3)
    process.kill()
    process.communicate()
    before = killed.shards()
    problems = [killed.run(*aside)]
    if not problems[0]:
        again, other = set_aside(killed)
        problems += [*differs(killed, reference), other, killed.left(), recomputed(killed, before),
                     "" if again == found else f"another quarantine: {len(again)} rows",
                     "" if killed.manifest()["quarantined"] == place.manifest()["quarantined"] else "other counts"]  # fmt: skip
    check(f"killed with {len(before)} tasks finished, then run again: the same table and quarantine", problems)

    stopped = Place("budget", mixed_inputs)
    many = len(expected) - 1
    check("--max-bad-rows stops the run and publishes nothing", [
        stopped.run(*aside, "--max-bad-rows", "20", expected=3), stopped.run(*aside, "--max-bad-rows", str(many), expected=3),
        "published" if stopped.output.exists() else "", stopped.left(),
        stopped.run(*aside, "--max-bad-rows", str(many + 1)),
    ])  # fmt: skip

    unfit = [row for row in added if row["key"] is not None and row["key"] < 1_000_000 and "without" not in row]
    ended = Place("fail", common + joined(ROOT / "unfit", good + unfit), spark=("--master", "local[2,3]"))
    events = ROOT / "events"
    events.mkdir()
    settings = {"enabled": "true", "dir": f"file:{events}", "compress": "false", "rolling.enabled": "false"}
    problem = ended.run(spark=[word for name, value in settings.items() for word in ("--conf", f"spark.eventLog.{name}={value}")],
                        expected=3)  # fmt: skip
    logged = [json.loads(line) for file in events.iterdir() for line in file.read_text().splitlines()]
    tasks = [event["Task Info"] for event in logged if event["Event"] == "SparkListenerTaskEnd"]
    check(f"--on-bad-row fail ends without a second attempt of any of {len(tasks)} tasks, of three that each has", [
        problem, "" if tasks and not any(task["Attempt"] for task in tasks) else "a task was tried again",
        "" if "Cannot decode row" in ended.error or "Cannot fuse row" in ended.error else f"says '{ended.error.strip()}'",
        "published" if ended.output.exists() else "", ended.left(),
    ])  # fmt: skip


def processes(word):
    """Processes whose command line holds the word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if word in words:
                found.append(int(entry.name))
    return found


def cluster():
    """A master and two workers as processes of their own."""
    submit = os.environ.get("SPARK_SUBMIT")
    if not submit:
        return print("skip  a cluster: no SPARK_SUBMIT")
    logs = ROOT / "cluster"
    logs.mkdir()
    import socket

    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    classes = str(Path(submit).parent / "spark-class")
    environment = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1"}
    environment["PATH"] = f"{Path(submit).parent}:{environment['PATH']}"  # for its find-spark-home
    environment["SPARK_DAEMON_JAVA_OPTS"] = f"-Djava.io.tmpdir={logs}"

    def daemon(name, *words):
        return subprocess.Popen([classes, *words], env=environment, cwd=logs,
                                stdout=(logs / f"{name}.txt").open("w"), stderr=subprocess.STDOUT)  # fmt: skip

    def worker(number):
        return daemon(f"worker{number}", "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "-c", "1", "-m", "1g",
                      "--webui-port", str(free_port()), "-d", str(logs / f"work{number}"), url)  # fmt: skip

    master = daemon("master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port),
                    "--webui-port", str(free_port()))  # fmt: skip
    workers = {number: worker(number) for number in (1, 2)}
    spark = ["--master", url, *BIG, "--conf", "spark.executor.memory=1g", "--conf", "spark.speculation=true",
             "--conf", "spark.speculation.quantile=0.1", "--conf", "spark.speculation.multiplier=1",
             "--conf", "spark.speculation.minTaskRuntime=0", "--conf", "spark.speculation.interval=50ms",
             "--conf", "spark.default.parallelism=2"]  # fmt: skip
    real = {"BRAID_EMBEDDED": "", "PATH": f"{Path(submit).parent}:{os.environ['PATH']}", "SPARK_LOCAL_IP": "127.0.0.1"}
    reference = undisturbed("cluster-reference", paired(), spark=BIG_SPARK)
    try:
        for victim in ("executor", "worker"):
            place = Place(f"cluster-{victim}", paired(), spark=spark)
            process = place.start(env=real)
            done = len(wait_for_shards(place, process, 3))
            # Those of this cluster: an executor works in the directory of its worker.
            executors = [pid for pid in processes("CoarseGrainedExecutorBackend")
                         if os.readlink(f"/proc/{pid}/cwd").startswith(str(logs / "work1"))]  # fmt: skip
            victims = executors if victim == "executor" else [*executors, workers[1].pid]
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            _, error = process.communicate(timeout=200)
            check(f"kill -9 of a{'n' * (victim == 'executor')} {victim} with {done} tasks finished, and speculation", [
                "" if executors else "no executor was there", "" if process.returncode == 0 else error.strip()[-600:],
                *(differs(place, reference) if process.returncode == 0 else []), place.left(),
            ])  # fmt: skip
        workers[1].wait()
        workers[1] = worker(1)
        place = Place("cluster-driver", paired(), spark=spark)
        process = place.start(env=real)
        wait_for_shards(place, process, 3)
        process.kill()
        process.communicate()
        before = place.shards()
        problems = [place.run(env=real)]
        if not problems[0]:
            problems += [*differs(place, reference), place.left(), recomputed(place, before)]
        check(f"kill -9 of the driver with {len(before)} tasks finished, its executors alive, then run again at once", problems)
    finally:
        for process in (master, *workers.values()):
            process.terminate()
        for process in (master, *workers.values()):
            process.wait()


def inputs():
    """Damaged and changing files; a full disk."""

    def damaged(what, damage, code=3):
        name = what.replace(" ", "-").replace(",", "")
        directory = ROOT / f"damaged-{name}"
        shutil.copytree(ROOT / "few", directory)
        damage(directory / "1.parquet")
        arguments = small()
        arguments[arguments.index("--paired") + 1] = str(directory)
        place = Place(f"damage-{name}", arguments)
        shutil.copytree(OLD, place.output)
        manifest = place.manifest()
        problem = place.run("--overwrite", expected=code)
        check(f"{what}: exit code {code}, and the older table stays", [
            problem, place.left(), "" if place.manifest() == manifest else "published",
            f"a trace: {place.error}" if "\tat " in place.error else "",
        ])  # fmt: skip

    def cut(file):
        os.truncate(file, file.stat().st_size // 2)

    def flip(file):
        data = bytearray(file.read_bytes())
        data[len(data) // 3] ^= 16
        file.write_bytes(data)

    damaged("a file cut to a half", cut)
    damaged("a file of no bytes", lambda file: os.truncate(file, 0))
    damaged("a bit flipped, with page checksums", flip)

    for name, change in (("replaced", lambda f, other: os.replace(other, f)), ("removed", lambda f, other: f.unlink())):
        directory = ROOT / f"pairs-{name}"
        shutil.copytree(ROOT / "pairs", directory)
        arguments = paired()
        arguments[arguments.index("--paired") + 1] = str(directory)
        place = Place(f"changed-{name}", arguments, spark=BIG_SPARK)
        process = place.start()
        done = len(wait_for_shards(place, process, 2))
        copy = ROOT / f"copy-{name}.parquet"
        shutil.copy(directory / "2.parquet", copy)
        change(directory / "2.parquet", copy)
        _, error = process.communicate(timeout=200)
        check(f"a file {name} with {done} tasks finished: exit code 1 or 3, nothing published", [
            "" if process.returncode in (1, 3) else f"exit code {process.returncode}: {error}",
            "published" if place.output.exists() else "", f"a trace: {error}" if "\tat " in error else "",
        ])  # fmt: skip

    full = ROOT / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(full)], stderr=subprocess.DEVNULL).returncode:
        return print("skip  a full disk: no right to mount")
    try:
        reference = undisturbed("full-reference", paired(), spark=BIG_SPARK)
        place = Place("full/place", paired(), spark=BIG_SPARK)
        problem = place.run(expected=1)
        said = "" if "free disk space" in place.error else f"says '{place.error.strip()[-300:]}'"
        before = place.shards()
        subprocess.run(["mount", "-o", "remount,size=64m", str(full)], check=True)
        problems = [problem, said, place.run(), *differs(place, reference), place.left(), recomputed(place, before)]
        check(f"a disk full with {len(before)} tasks finished: exit code 1; with room, the same command goes on", problems)
    finally:
        subprocess.run(["umount", str(full)], check=True)


CHECKS = {"steps": steps, "grow": grow, "partitions": partitions, "random": moments, "pair": pair, "quarantine": quarantine,
          "cluster": cluster, "inputs": inputs}  # fmt: skip
BIG_SPARK = ["--master", "local[2]", *BIG]

if __name__ == "__main__":
    ROOT = Path(sys.argv[1]).resolve()
    write_model(ROOT / "model", 3, 256)
    write_model(ROOT / "small", 1, 16)
    FEW = rows(60)
    write_table(ROOT / "pairs", SCHEMA, rows(ROWS), files=3, write_page_checksum=True)
    write_table(ROOT / "few", SCHEMA, FEW, files=2, groups=6, write_page_checksum=True)
    OLD = undisturbed("old", small())["place"].output
    begun = time.monotonic()
    for chosen in sys.argv[2:] or CHECKS:
        CHECKS[chosen]()
        print(f"      {chosen}: {time.monotonic() - begun:.0f} seconds so far")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
