"""The check cluster of faults.py: a master and two workers as processes; kills everything that runs on them."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from faults_runs import BIG, ROOT, SHORT, Place, big, check, differs, paired, recomputed, skip, undisturbed
from faults_tables import ROWS, joined, rows

SPECULATION = {"enabled": "true", "quantile": "0.1", "multiplier": "1", "minTaskRuntime": "0", "interval": "50ms"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """A standalone cluster: a master and two workers of one core each, on the loopback address."""

    def __init__(self, submit, directory):
        self.bin, self.directory = Path(submit).parent, directory
        self.url = f"spark://127.0.0.1:{(port := free_port())}"
        directory.mkdir()
        self.master = self.daemon("master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port),
                                  "--webui-port", str(free_port()))  # fmt: skip
        self.workers = {}
        for number in (1, 2):
            self.start_worker(number)

    def daemon(self, name, *words):
        environment = os.environ | {
            "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1", "SPARK_LOCAL_DIRS": str(self.directory / "local" / name),
            "PATH": f"{self.bin}:{os.environ['PATH']}",  # for its find-spark-home
            "SPARK_DAEMON_JAVA_OPTS": f"{SHORT} -Djava.io.tmpdir={self.directory}",
        }  # fmt: skip
        return subprocess.Popen([self.bin / "spark-class", *words], env=environment, cwd=self.directory,
                                stdout=(self.directory / f"{name}.txt").open("a"), stderr=subprocess.STDOUT)  # fmt: skip

    def start_worker(self, number):
        self.workers[number] = self.daemon(
            f"worker{number}", "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "-c", "1", "-m", "1g",
            "--webui-port", str(free_port()), "-d", str(self.directory / f"work{number}"), self.url)  # fmt: skip

    def executors(self, number):
        """The processes of a worker's executors, which run in its directory."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(f"{self.directory}/work{number}/") \
                        and b"CoarseGrainedExecutorBackend" in (entry / "cmdline").read_bytes():  # fmt: skip
                    found.append(int(entry.name))
        return found

    def kill_executor(self, number, process):
        """Waits for an executor of a run, which may be restarting, and kills it; returns how many were killed."""
        while not (found := self.executors(number)) and process.poll() is None:
            time.sleep(0.05)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def shuffle_files(self):
        return list((self.directory / "local").rglob("shuffle_*.data"))

    def options(self):
        settings = {f"speculation.{name}": value for name, value in SPECULATION.items()} | {
            "speculation": "true", "executor.memory": "1g", "default.parallelism": "2", "executor.defaultJavaOptions": SHORT}  # fmt: skip
        del settings["speculation.enabled"]
        return ["--master", self.url, *BIG, *(word for name, value in settings.items() for word in ("--conf", f"spark.{name}={value}"))]

    def environment(self):
        return {"BRAID_EMBEDDED": "", "PATH": f"{self.bin}:{os.environ['PATH']}", "SPARK_LOCAL_IP": "127.0.0.1"}

    def stop(self):
        for process in (self.master, *self.workers.values()):
            process.terminate()
        for process in (self.master, *self.workers.values()):
            process.wait()


def attempts(place):
    """How the tasks of a run ended, as text."""
    tasks = place.tasks()
    return f"{len(tasks)} attempts, {sum(t['Speculative'] for t in tasks)} speculative, {sum(t['Failed'] for t in tasks)} failed"


def cluster():
    """Kills executors, a worker and the driver."""
    submit = os.environ.get("SPARK_SUBMIT")
    if not submit:
        return skip("a cluster", "no SPARK_SUBMIT")
    reference = big()
    started = Cluster(submit, ROOT / "cluster")
    real = {"env": started.environment()}
    try:
        for victim in ("executor", "worker"):
            place = Place(f"cluster-{victim}", paired(), spark=started.options())
            process = place.start(**real, hook=place.hold(3), spark=place.log_events())
            done = place.wait(process, 3)
            if victim == "worker":
                started.workers[1].kill()
            killed = started.kill_executor(1, process)
            place.release()
            problem = place.end(process)
            check(f"kill -9 of a{'n' * (victim == 'executor')} {victim} with {done} tasks finished ({attempts(place)})", [
                problem, "" if killed else "no executor was there", *([] if problem else differs(place, reference)), place.left(),
            ])  # fmt: skip
        started.workers[1].wait()
        started.start_worker(1)
        join(started, real)

        place = Place("cluster-driver", paired(), spark=started.options())
        process = place.start(**real, hook=place.hold(3))
        place.wait(process, 3)
        place.kill(process)
        before = place.shards()
        problem = place.run(**real)
        check(f"kill -9 of the driver with {len(before)} tasks finished, its executors alive, then run again at once", [
            problem, *([] if problem else [*differs(place, reference), place.left(), recomputed(place, before)])])  # fmt: skip

        one = ["--conf", "spark.speculation=false", "--conf", "spark.task.maxFailures=1"]
        place = Place("cluster-killed", paired(), spark=[*started.options(), *one])
        process = place.start(**real, hook=place.hold(3))
        place.wait(process, 3)
        killed = sum(started.kill_executor(number, process) for number in started.workers)
        problem = place.end(process, expected=1)
        said = place.error.strip()
        check(f"kill -9 of {killed} executors, with one failure allowed: the setting to change is named", [
            problem, "" if "raise spark.executor.memoryOverhead" in said and "\tat " not in said else said[-600:]])  # fmt: skip
    finally:
        started.stop()


def join(started, real):
    """One executor dies while tables are shuffled, and another when its part of the shuffle is needed."""
    inputs = ["--model", str(ROOT / "model"), "--key", "key", "--mask", "visual=mask", "--max-tokens", "512", "--partitions", "8",
              "--output-files", "8", *joined(ROOT / "to-join", rows(ROWS))]  # fmt: skip
    reference = undisturbed("join-reference", inputs)
    place = Place("cluster-join", inputs, spark=started.options())
    earlier = set(started.shuffle_files())
    process = place.start(**real, hook=place.hold(2), spark=place.log_events())
    while process.poll() is None and len(set(started.shuffle_files()) - earlier) < 1:
        time.sleep(0.01)
    killed = started.kill_executor(1, process)
    done = place.wait(process, 2)
    killed += started.kill_executor(2, process)
    place.release()
    problem = place.end(process)
    check(f"kill -9 of an executor while a join is shuffled, and of another one with {done} tasks finished ({attempts(place)})", [
        problem, "" if killed >= 2 else f"{killed} executors were there",
        *([] if problem else differs(place, reference)), place.left(),
    ])  # fmt: skip
