"""The checks partitions and grow of faults.py: what is lost if the driver dies while it publishes into a table."""

import concurrent.futures
import functools
import re
import shutil

import pyarrow.parquet as pq

from faults_kills import halting
from faults_runs import FEW, ROOT, Place, check, chosen, differs, published, small, undisturbed
from faults_tables import ROWS, SCHEMA, rows, write_table


def partitions():
    """Halts the driver while it replaces one partition of a table, adds another, and keeps a third."""

    def inputs(nights):
        return [*small(f"nights/{nights}"), "--partition-by", "dt"]

    for night in range(3):
        write_table(ROOT / "nights" / f"dt=2026-11-2{night}", SCHEMA, rows(FEW)[20 * night :][:20], groups=2, write_page_checksum=True)
    before = Place("nights-before", inputs("dt=2026-11-2[01]"))
    begun = before.run()

    def place(name):
        shutil.rmtree((found := Place(name, inputs("dt=2026-11-2[12]"))).directory)
        shutil.copytree(before.directory, found.directory)
        return found

    trace = place("nights-trace")
    refused = trace.run(expected=2)
    said = "" if "'dt=2026-11-21'" in trace.error else f"says '{trace.error.strip()[-300:]}'"
    problem = trace.run("--overwrite", hook=halting("nights"))
    reference = {"table": published(trace.output), "fingerprint": trace.manifest()["fingerprint"]}
    nights = [f"2026-11-2{key // 20}" for key in range(FEW)]
    check("a run is refused whose partition is there, and with --overwrite replaces it alone", [
        begun, refused, said, problem, trace.left(),
        "" if [row["dt"] for row in published(trace.output).to_pylist()] == nights else "other rows",
    ])  # fmt: skip
    steps = (ROOT / "scratch" / "nights.txt").read_text().splitlines()
    steps = [step for step in steps if re.search(r"part-|_manifest|_in_place|delete \.out\.run", step)]
    states = {"old": 0, "new": 0}

    def kill(case):
        number, step = case
        killed = place(f"nights-{number}")
        problems = [killed.run("--overwrite", hook=halting(f"nights-{number}", step), expected=137)]
        manifest = killed.manifest()
        states["new" if manifest["rows"] == FEW else "old"] += 1
        there = sum(pq.read_metadata(file).num_rows for file in named(killed))
        problems.append("" if there == manifest["rows"] else "the manifest names rows that are not there")
        problems += [killed.run("--overwrite"), *differs(killed, reference), killed.left()]
        check(f"halted at '{step}', then run again", problems)

    halt_at(steps, kill, states)


UPDATE = ["--update", "--prune"]


@functools.cache
def growing():
    """A table and an update of it, which adds and removes rows and copies a file without some of them."""
    left = [row | {"key": row["key"] + ROWS} for row in rows(5)]
    write_table(ROOT / "half", SCHEMA, rows(FEW)[: FEW // 2] + left)
    return undisturbed("grow-old", small("half"), "--output-files", "1"), undisturbed("grow-new", small())


def publishing(log):
    """The changes that a run made to files, beginning with the one that marks it as finished."""
    steps = (ROOT / "scratch" / f"{log}.txt").read_text().splitlines()
    return steps[steps.index("rename _in_place.json.ID 1") :]


def grow():
    """Halts the driver at every change that publishes an update."""
    before, reference = growing()

    def place(name):
        shutil.rmtree((found := Place(name, small())).directory)
        shutil.copytree(before["place"].directory, found.directory)
        return found

    trace = place("grow-trace")
    problem = trace.run(*UPDATE, hook=halting("grow"))
    steps = publishing("grow")
    steps += [f"{step} torn" for step in steps if step.startswith("delete .out.run")]
    check(f"the driver publishes an update in {len(steps)} changes", [problem, *differs(trace, reference), trace.left()])
    states = {"old": 0, "new": 0}

    def kill(case):
        number, step = case
        killed = place(f"grow-{number}")
        state, problems = halted(killed, f"grow-{number}", step)
        states[state] += 1
        check(f"halted at '{step}' (the manifest's files: {state}), then run again", problems)

    halt_at(steps, kill, states)


def halted(place, log, step):
    """Halts an update there and runs it again; returns which rows the manifest named in between, and what is wrong."""
    before, reference = growing()
    problems = [place.run(*UPDATE, hook=halting(log, step), expected=137)]
    keys = sorted(pq.read_table([str(file) for file in named(place)])["key"].to_pylist())
    state = "old" if keys == before["table"]["key"].to_pylist() else "new"
    if state == "new":
        problems.append("" if keys == reference["table"]["key"].to_pylist() else f"keys {keys}")
    finished = (place.run_directory() / "_manifest.json").exists()
    problems += [place.run(*UPDATE), *differs(place, reference), place.left()]
    said = "Publishing what a run had finished" in place.error
    problems.append("" if said == finished else f"says '{place.error.strip()[-300:]}'")
    return state, problems


def named(place):
    """The files of fused rows that the manifest names."""
    return [place.output / record["file"] for record in place.manifest()["files"] if "file" in record]


def halt_at(steps, kill, states):
    steps = chosen(steps)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, enumerate(steps)))
    print(f"      {len(steps)} halts: the manifest named the old files {states['old']} times, the new ones {states['new']} times")
