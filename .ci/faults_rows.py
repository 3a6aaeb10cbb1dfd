"""The check quarantine of faults.py: every broken row is set aside once, with its reason."""

import random

import pyarrow.parquet as pq

from faults_runs import HOME, ROOT, Place, check, differs, recomputed, undisturbed
from faults_tables import REASONS, ROWS, broken, joined, rows


def set_aside(place):
    """The quarantine's rows without their run, and what is wrong with its runs."""
    table = pq.read_table(place.output / "_quarantine")
    runs = set(table["run_id"].to_pylist())
    found = sorted(table.drop(["run_id"]).to_pylist(), key=repr)
    return found, "" if runs == {place.manifest()["run"]} else f"rows of the runs {runs}"


def quarantine():
    """Broken rows of every reason that needs no pairs, vocabulary or boxes."""
    listed = set((HOME / "src/main/java/dev/braid/decode/Reason.java").read_text().split("{", 1)[1].replace(",", " ")
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
    process = killed.start(*aside, hook=killed.hold(3))
    killed.wait(process, 3)
    killed.kill(process)
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
    problem = ended.run(spark=ended.log_events(), expected=3)
    tasks = ended.tasks()
    check(f"--on-bad-row fail ends without a second attempt of any of {len(tasks)} tasks, of three that each has", [
        problem, "" if tasks and not any(task["Attempt"] for task in tasks) else "a task was tried again",
        "" if "Cannot decode row" in ended.error or "Cannot fuse row" in ended.error else f"says '{ended.error.strip()}'",
        "published" if ended.output.exists() else "", ended.left(),
    ])  # fmt: skip
