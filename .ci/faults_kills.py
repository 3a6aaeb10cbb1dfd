"""The checks steps, random and pair of faults.py: what is lost if the driver dies at any moment."""

import concurrent.futures
import random
import shutil
import signal
import time

from faults_runs import (
    BIG_SPARK, FEW, LONG, ROOT, SEED, SHARE, Place, big, check, chosen, differs, few, paired, place_old, published, recomputed, small, undisturbed,
)  # fmt: skip
from faults_tables import ROWS


def halting(name, step=""):
    """The hook of a run that halts instead of making a change, and logs its changes."""
    return {"log": ROOT / "scratch" / f"{name}.txt", "at": step}


def steps():
    """Halts the driver at every change, while it replaces an older table and finds the files of a run with other options."""
    reference = few()
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
    check(f"the driver makes {len(found)} changes", [begun, problem, *differs(trace, reference), trace.left()])
    found = chosen(found)
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


def moments():
    """kill -9 at ten random moments, or a share of them: every other one after a random number of tasks has finished, however
    fast they are."""
    reference = big()
    dice = random.Random(SEED)
    print(f"      seed {SEED}; undisturbed {reference['cpu']:.1f} seconds of processor time, {reference['files']} files")
    kept, kills = 0, round(10 * SHARE)
    for number in range(kills):
        place = Place(f"random-{number}", paired(), spark=BIG_SPARK)
        over = number % 4 >= 2
        if over:
            place_old(place)
        options = ["--overwrite"] if over else []
        if number % 2:
            records = dice.randrange(1, reference["files"])
            # The run must not end before it is killed.
            most = dice.randrange(records, reference["files"])
            process = place.start(*options, hook=place.hold(most))
            place.wait(process, records)
            moment = place.cpu(process) + dice.uniform(0, reference["cpu"] / reference["files"])
            said = f"after {records} tasks had finished and"
        else:
            process, most = place.start(*options), reference["files"]
            moment = dice.uniform(0, 0.9) * reference["cpu"]
            said = "after"
        while place.cpu(process) < moment and place.records() < most and process.poll() is None:
            time.sleep(0.01)
        said += f" {place.cpu(process):.1f} s"
        place.kill(process)
        ended = process.returncode
        before = place.shards() if place.run_directory().exists() else {}
        problems = [f"ended with code {ended} before the kill" if number % 2 and ended != -signal.SIGKILL else ""]
        if over and place.output.exists() and ended != 0:
            problems.append("" if published(place.output).num_rows in (ROWS, FEW) else "a torn table")
        problems.append(place.run(*options))
        if not problems[-1]:
            problems += [*differs(place, reference), place.left(), recomputed(place, before)]
        kept += len(before)
        check(f"killed {said} ({'over an older table, ' * over}code {ended}, {len(before)} tasks finished), then run again", problems)
    check(f"{kept} finished tasks outlived {kills} kills", ["" if kept >= kills // 2 else "expected at least one in every other one"])


def pair():
    """Two runs at once; a signal."""
    reference = big()
    place = Place("pair", paired(), spark=BIG_SPARK)
    check("of two runs with one output, one wins and the other is told", [
        *one_of_two(place), *differs(place, reference), place.left()])  # fmt: skip

    for name, code in (("SIGTERM", 143), ("SIGINT", 130)):
        place = Place(name, paired(), spark=BIG_SPARK)
        process = place.start(hook=place.hold(4))
        before = place.wait(process, 4)
        process.send_signal(getattr(signal, name))
        problem = place.end(process, code)
        after = place.shards()
        lines = [line for line in place.error.splitlines() if not line.startswith("Fusing: ")]  # a slow run's progress
        check(f"{name} after {before} tasks, {len(after)} finished, then the same command: goes on", [
            problem, "" if len(lines) == 1 and "Stopped by a signal" in lines[0] else f"says '{place.error.strip()}'",
            "" if before >= 4 and len(after) >= before else "finished tasks are gone",
            place.run(), recomputed(place, after), *differs(place, reference), place.left(),
        ])  # fmt: skip
    first = place.manifest()["run"]
    check("the same command again: nothing to do", [
        place.run(), "" if "Nothing to do" in place.out else place.out, "" if place.manifest()["run"] == first else "another run"])  # fmt: skip
    check("--overwrite computes it again", [
        place.run("--overwrite"), *differs(place, reference), place.left(),
        "" if place.manifest()["run"] != first else "the same run",
    ])  # fmt: skip


def one_of_two(place):
    """What is wrong with two runs with one output. The winner waits: after its end, the other would have nothing to do."""
    both = [place.start(hook=place.hold(1)) for _ in range(2)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(process.communicate, timeout=LONG) for process in both]
        concurrent.futures.wait(ends, return_when=concurrent.futures.FIRST_COMPLETED)
        place.release()
        errors = [end.result()[1] for end in ends]
    place.fetch()
    codes = sorted(process.returncode for process in both)
    loser = next((error for process, error in zip(both, errors) if process.returncode == 2), "")
    return [
        "" if codes == [0, 2] else f"exit codes {codes}: {[error[-300:] for error in errors]}",
        "" if "expected no other run that writes it" in loser else f"the other says '{loser.strip()[-300:]}'",
    ]  # fmt: skip


def kill_and_resume(store, place, reference):
    """A run whose output is not on the local disk is killed, and continues."""
    process = place.start(hook=place.hold(4))
    place.wait(process, 4)
    place.kill(process)
    before = place.shards()
    check(f"{store}: kill -9 with {len(before)} tasks finished, then run again", [
        "" if before else "no task had finished", place.run(), *differs(place, reference), place.left(), recomputed(place, before),
        place.audit()])  # fmt: skip


def pair_elsewhere(store, place, reference):
    check(f"{store}: of two runs with one output, one wins and the other is told", [
        *one_of_two(place), *differs(place, reference), place.left()])  # fmt: skip
