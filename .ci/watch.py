"""watch.py HOME OPENLINEAGE_JAR: what a user sees of a run while it runs and after it has ended. Runs in the directory of .ci/watch."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

HOME = Path(sys.argv[1])
LISTENER = sys.argv[2]
SPARK = Path(os.environ["SPARK_HOME"])
SOURCE = "metrics_braid_driver_plugin_dev_braid_spark_FusionPlugin_"
TOTAL = 40_000
LONGEST = 240  # seconds: the wait for a state that does not come
problems = 0
passed = 0


def check(what, good, found=""):
    global problems, passed
    passed, problems = passed + bool(good), problems + (not good)
    print(f"{'ok   ' if good else 'WRONG'} {what}{'' if good else f': {found}'}", flush=True)


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def scrape(base):
    """Braid's metrics by name, without Spark's prefix and suffix."""
    families = text_string_to_metric_families(get(f"{base}/metrics/prometheus/"))
    samples = (sample for family in families for sample in family.samples)
    return {
        sample.name.removeprefix(SOURCE).removesuffix("_Value"): sample.value
        for sample in samples
        if sample.name.startswith(SOURCE) and sample.name.endswith("_Value")
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name, command):
    command = [*command, "--log", "json", "--output", name]
    with open(f"{name}.out", "w") as out, open(f"{name}.err", "w") as err:
        return subprocess.Popen([str(word) for word in command], stdout=out, stderr=err)


def lines(name):
    """The objects on standard error, and the other lines: the JVM's and spark-submit's before the first object do not count."""
    objects, others = [], []
    for line in Path(f"{name}.err").read_text().splitlines():
        try:
            objects.append(json.loads(line))
        except ValueError:
            others += [line] if objects else []
    return objects, others


def check_lines(name):
    objects, others = lines(name)
    check(f"{name}: standard error is JSON lines", objects and not others, others[:3])
    good = [each for each in objects if {"timestamp", "level", "logger", "message"} <= each.keys()]
    dates = [datetime.fromisoformat(each["timestamp"].replace("Z", "+00:00")) for each in good]
    check(f"{name}: each has a timestamp, level, logger and message", len(good) == len(objects) and all(dates), objects)
    return objects


def fused_of_finished_tasks(name):
    return sum(shard["rows"] for file in Path(f".{name}.run/_shards").glob("*.json") for shard in json.loads(file.read_text()))


def watched():
    """A run of minutes, watched until everything has been seen while its tasks run."""
    name, base = "running", f"http://127.0.0.1:{free_port()}"
    servlet = "spark.metrics.conf.driver.sink.prometheusServlet"
    run = start(
        name,
        [HOME / "jobs/fuse.sh", "--master", "local-cluster[2,1,1024]", "--executor-memory", "1g",
         "--conf", "spark.executor.memoryOverhead=2g", "--conf",
         f"spark.ui.port={base.rpartition(':')[2]}", "--conf", "spark.ui.prometheus.enabled=true",
         "--conf", f"{servlet}.class=org.apache.spark.metrics.sink.PrometheusServlet",
         "--conf", f"{servlet}.path=/metrics/prometheus", "--conf", "spark.metrics.namespace=braid", "--",
         "--model", "model", "--paired", "pairs", "--dtype", "visual=float16", "--dtype", "text=float16", "--key", "id",
         "--on-bad-row", "quarantine"],
    )  # fmt: skip
    seen, rows, progress, jobs, executors = {}, [], [], [], ""
    end = time.monotonic() + LONGEST
    while run.poll() is None and time.monotonic() < end and (len(set(rows)) < 3 or not progress or seen["run_nativeBytes"] == 0):
        time.sleep(0.2)
        try:
            seen = scrape(base)
        except (OSError, ValueError):  # not started yet, or a page that says so
            continue
        if fused_of_finished_tasks(name) == 0 and 0 < seen.get("run_rows", 0) < TOTAL:
            rows.append(seen["run_rows"])
            progress = [each for each in lines(name)[0] if 0 < each.get("rows", 0) < TOTAL]
            application = json.loads(get(f"{base}/api/v1/applications"))[0]["id"]
            jobs = [job.get("description") for job in json.loads(get(f"{base}/api/v1/applications/{application}/jobs"))]
            executors = get(f"{base}/metrics/executors/prometheus/")
    running = run.poll() is None
    if running:
        run.send_signal(signal.SIGTERM)
    code = run.wait(60)
    check("rows grow in a scrape before any task has ended", running and len(set(rows)) >= 3 and rows == sorted(rows), rows)
    check("the scrape has the run's rows, tokens, GFLOP and native bytes", seen.get("run_totalRows") == TOTAL
          and seen["run_tokens"] == 100 * seen["run_rows"] and min(seen["run_gflop"], seen["run_nativeBytes"]) > 0, seen)  # fmt: skip
    check("and bad rows by reason", "run_badRows_wrong_width" in seen, seen)
    check("Spark's own servlet of executors answers", "metrics_executor_" in executors, executors[:200])
    expected = ["Braid: check the keys of pairs", "Braid: fuse pairs into running"]
    check("jobs have descriptions that say what they do", set(expected) <= set(jobs), jobs)
    check("and no job has none", jobs and all(str(job).startswith("Braid: ") for job in jobs), jobs)
    objects = check_lines(name)
    line = progress[0] if progress else {}
    check("a progress line has rows, tokens and total, while tasks run",
          line.get("total") == TOTAL and line.get("tokens") == 100 * line.get("rows", -1), line)  # fmt: skip
    stopped = objects[-1]["message"] if objects else ""
    check("a signal is told in JSON too", code == 143 and stopped.startswith("Stopped by a signal: nothing was published"), (code, stopped))


def ended():
    """The demo's run through spark-submit alone, with Spark's own log and OpenLineage's listener."""
    name, demo, events = "ended", HOME / "src/demo", Path("events.json").resolve()
    run = start(
        name,
        [SPARK / "bin/spark-submit", "--master", "local[2]", "--class", "dev.braid.job.Braid", "--jars", LISTENER,
         "--conf", "spark.ui.enabled=false", "--conf", "spark.extraListeners=io.openlineage.spark.agent.OpenLineageSparkListener",
         "--conf", "spark.openlineage.transport.type=file", "--conf", f"spark.openlineage.transport.location={events}",
         "--conf", "spark.openlineage.namespace=fusion", HOME / "target/braid.jar",
         "fuse", "--model", demo / "model", "--features", f"visual={demo}/visual.parquet", "--features", f"text={demo}/text.parquet",
         "--dtype", "visual=float16", "--dtype", "text=float16", "--key", "codepoints"],
    )  # fmt: skip
    check("a run with OpenLineage's listener ends well", run.wait(LONGEST) == 0, Path(f"{name}.err").read_text()[-2000:])
    objects = check_lines(name)
    report = dict(line.split(maxsplit=1) for line in Path(f"{name}.out").read_text().splitlines())
    fused = [each for each in objects if each["message"] == "Fused"]
    figures = fused[0] if fused else {}
    check("the report is an object too", len(fused) == 1 and f"{figures.get('rows'):,}" == report["rows"] == "390"
          and f"{figures.get('tokens'):,}" == report["tokens"] and figures.get("fingerprint") == report["fingerprint"]
          and figures.get("quarantined") == {} and figures.get("gflopPerSecond") > 0, fused)  # fmt: skip
    written = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    names = {event["eventType"] for event in written if event["job"]["namespace"] == "fusion"}
    check("OpenLineage's events say when the run begins and ends", {"START", "COMPLETE"} <= names, names)
    inputs = {dataset["name"] for event in written for dataset in event["inputs"]}
    outputs = {dataset["name"] for event in written for dataset in event["outputs"]}
    check("and what it reads", any(each.startswith(str(demo)) for each in inputs), inputs)
    check("but not what it writes, as watching.md says", not outputs, outputs)


watched()
ended()
print(f"{passed} passed, {problems} failed")
sys.exit(problems > 0)
