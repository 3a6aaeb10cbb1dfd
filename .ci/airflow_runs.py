"""airflow_runs.py DIRECTORY: runs the DAG jobs/airflow/braid_fuse.py over the demo's emoji, a part of them per day.

It runs two dates, the first one twice, the second one with a spark-submit that is killed after some of its tasks have finished, and a
third date with too many bad rows.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

HOME = Path(__file__).resolve().parent.parent
ROOT = Path(sys.argv[1]).resolve()
DEMO = HOME / "src" / "demo"
LONG = 600  # seconds after which a run hangs, on the slowest machine
DATES = FIRST, SECOND = "2026-11-01", "2026-11-02"
BROKEN = "2026-11-03"
BUDGET = 2
OUTPUT = ROOT / "output"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "SPARK_HOME"} | {
    "AIRFLOW_HOME": str(ROOT / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "jobs" / "airflow"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
    "PATH": f"{Path(os.environ['SPARK_SUBMIT']).parent}:{os.environ['PATH']}",
    "PYTHONPYCACHEPREFIX": str(ROOT / "pycache"),
    "SPARK_LOCAL_IP": "127.0.0.1",
    # C1 alone is enough for short runs.
    "SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1"
    f" -Dlog4j2.configurationFile={(HOME / 'conf' / 'log4j2.properties').as_uri()}",
}

counts = {"passed": 0, "failed": 0}


def check(name, problems):
    problems = [problem for problem in problems if problem]
    counts["failed" if problems else "passed"] += 1
    print(f"ok    {name}" if not problems else f"WRONG {name}: {'; '.join(problems)}", flush=True)


def airflow(*arguments):
    return [str(ROOT / "venv" / "bin" / "airflow"), *arguments]


def start(date, environment=None):
    """Starts the DAG for a date; its log goes to a file."""
    paths = {"jar": HOME / "target" / "braid.jar", "options": ROOT / "braid.properties", "model": DEMO / "model",
             "input": ROOT / "input", "output": OUTPUT}  # fmt: skip
    params = {name: str(path) for name, path in paths.items()} | {"key": "codepoints", "max_bad_rows": str(BUDGET)}
    with open(ROOT / f"{date}.log", "w") as log:
        return subprocess.Popen(airflow("dags", "test", "braid_fuse", date, "--conf", json.dumps(params)),
                                cwd=ROOT, env=ENVIRONMENT | (environment or {}), stdout=log, stderr=subprocess.STDOUT)  # fmt: skip


def end(date, process, states, words):
    """What is wrong with a run that ended: 'states' has each task's state and tries; the words must be in its log."""
    process.wait(LONG)
    log = (ROOT / f"{date}.log").read_text()
    found = dict(rows("task_id, state || ' ' || try_number", "task_instance", date))
    problems = [f"{task} is '{found.get(task)}' instead of '{state}'" for task, state in states.items() if found.get(task) != state]
    problems += [f"the log lacks '{word}'" for word in words if word not in log]
    return [*problems, log[-3000:] if problems else ""]


def run(date, states, words):
    return end(date, start(date), states, words)


def rows(columns, table, date):
    """The rows of a table of Airflow's database that belong to the run of a date."""
    runs = "SELECT run_id FROM dag_run WHERE logical_date LIKE ?"
    with sqlite3.connect(ROOT / "airflow" / "airflow.db") as database:
        return database.execute(f"SELECT {columns} FROM {table} WHERE run_id IN ({runs})", (f"{date}%",)).fetchall()


def counted(date, expected):
    """What is wrong with the counts that the last task of a date returned, and with the last event of the asset."""
    values = [json.loads(value) for task, value in rows("task_id, value", "xcom", date) if task == "counts"]
    events = "(SELECT *, source_run_id AS run_id FROM asset_event ORDER BY id)"
    extras = [json.loads(extra) for (extra,) in rows("extra", events, date)]
    right = len(values) == 1 and values[0]["rows"] == expected and values[0]["quarantined"] == {}
    return [
        "" if right else f"XCom has {values}",
        "" if right and extras[-1:] == [{"table": str(OUTPUT / f"dt={date}"), **values[0]}] else f"the asset's events are {extras}",
    ]


def write_inputs():
    emoji = pq.read_table(DEMO / "visual.parquet").join(pq.read_table(DEMO / "text.parquet"), "codepoints").sort_by("codepoints")
    share = len(emoji) // len(DATES)
    tables = {date: emoji.slice(number * share, share) for number, date in enumerate(DATES)}
    broken = pa.array([b"odd"] * (BUDGET + 1) + emoji["visual"].to_pylist()[BUDGET + 1 :])
    tables[BROKEN] = emoji.drop_columns("visual").append_column("visual", broken)
    for date, table in tables.items():
        directory = ROOT / "input" / f"dt={date}"
        directory.mkdir(parents=True)
        pq.write_table(table, directory / "pairs.parquet", write_page_checksum=True)
    (ROOT / "braid.properties").write_text("dtype.visual = float16\ndtype.text = float16\npartitions = 6\n")
    return share


def kill(date):
    """Kills a date's spark-submit before it records a third task; returns the rows of the finished tasks."""
    release, settings = ROOT / "release", ROOT / "conf"
    settings.mkdir()
    (settings / "spark-defaults.conf").write_text(
        f"spark.hadoop.fs.file.impl dev.braid.job.Halting$Local\n"
        f"spark.driver.extraClassPath {ROOT / 'hook'}\n"
        f"spark.driver.extraJavaOptions -Dhalting.hold=2 -Dhalting.release={release}\n"
    )
    process = start(date, {"SPARK_CONF_DIR": str(settings)})
    deadline = time.monotonic() + LONG
    records = []
    while len(records) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
        records = list(OUTPUT.glob(".*.run/_shards/[0-9]*.json"))
    finished = sum(file["rows"] for record in records for file in json.loads(record.read_text()))
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"-Dhalting.release={release}".encode() in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            pass  # it has ended meanwhile
    release.touch()
    return process, finished


def differs():
    """What is wrong with the fused vectors of all dates, read as one table, and with the files."""
    expected = pq.read_table(HOME / "src" / "test" / "resources" / "demo" / "expected_fused.parquet").sort_by("codepoints")
    fused = pyarrow.dataset.dataset(OUTPUT, format="parquet", partitioning="hive").to_table().sort_by("codepoints")
    found = sorted(entry.name for entry in OUTPUT.iterdir())
    problems = ["" if found == [f"dt={date}" for date in DATES] else f"there are {found}"]
    if fused["codepoints"].to_pylist() != expected["codepoints"].to_pylist():
        return [*problems, f"{len(fused)} rows instead of {len(expected)}, or others"]
    here, pytorch = (np.stack(table["fused"].to_numpy()) for table in (fused, expected))
    error = (np.abs(here - pytorch) / np.maximum(1, np.abs(pytorch))).max()
    return [*problems, "" if error < 2e-5 else f"a number is {error} off"]


def main():
    share = write_inputs()
    done = {"verify": "success 1", "fuse": "success 1", "counts": "success 1"}
    refused = {"verify": "success 1", "fuse": "failed 1", "counts": "upstream_failed 0"}
    subprocess.run(airflow("db", "migrate"), env=ENVIRONMENT, check=True, capture_output=True, timeout=LONG)

    check(f"{FIRST}: {share} emoji are fused", [*run(FIRST, done, ["verified     4 rows"]), *counted(FIRST, share)])
    check(f"{FIRST} again: nothing to do", [*run(FIRST, done, ["Nothing to do"]), *counted(FIRST, share)])
    process, finished = kill(SECOND)
    check(f"{SECOND}: spark-submit is killed with {finished} rows finished, and the retry fuses the others of {share}", [
        *end(SECOND, process, done | {"fuse": "success 2"}, [f"resumed      {finished} rows were finished before"]),
        *counted(SECOND, share),
    ])  # fmt: skip
    message = f"Cannot fuse: expected at most {BUDGET} bad rows"
    check(f"{BROKEN}: {BUDGET + 1} bad rows fail the task at once, with '{message}'", [
        *run(BROKEN, refused, [f"AirflowFailException: {message}"])])  # fmt: skip
    check("both dates have PyTorch's numbers, and nothing is left behind", differs())


if __name__ == "__main__":
    main()
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    sys.exit(counts["failed"] > 0)
