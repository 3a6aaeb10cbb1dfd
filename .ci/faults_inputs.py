"""The check inputs of faults.py: files that are damaged, differ or change, and disks that fill up."""

import os
import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faults_runs import (
    BIG_SPARK, FEW, ROOT, Place, big, bits, check, differs, old, paired, place_old, published, recomputed, skip, small, undisturbed,
)  # fmt: skip
from faults_tables import ROWS, SCHEMA, joined, rows, write_table


def inputs():
    """Damaged, differing and changing files; full disks."""
    damaged("a file cut to a half", lambda file: os.truncate(file, file.stat().st_size // 2))
    damaged("a bit flipped in a number, with page checksums", flip)
    damaged("a bit flipped where the footer begins", lambda file: flip(file, file.stat().st_size - 8 - footer(file)))
    damaged("a column of another type in one file", lambda file: rewrite(file, "mask", pa.list_(pa.float64())))
    damaged("a column that one file lacks", lambda file: pq.write_table(pq.read_table(file).drop(["text"]), file))
    damaged("a key of another type in one file", lambda file: rewrite(file, "key", pa.string()))
    without_bytes()
    without_checksums()
    for what, change in CHANGES.items():
        changed(what, change)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(full())], stderr=subprocess.DEVNULL).returncode:
        return skip("full disks", "no right to mount a small one")
    try:
        full_output()
        full_scratch()
    finally:
        subprocess.run(["umount", str(full())], check=True)


def tables(table, name):
    """A copy of a table, to be changed."""
    directory = ROOT / f"{table}-{name}"
    shutil.copytree(ROOT / table, directory)
    return directory


def damaged(what, damage):
    """Damage that a run detects: it ends with exit code 3 and leaves the older table."""
    name = what.replace(" ", "-").replace(",", "")
    directory = tables("few", name)
    damage(directory / "1.parquet")
    place = Place(f"damage-{name}", small(directory.name))
    place_old(place)
    manifest = place.manifest()
    problem = place.run("--overwrite", expected=3)
    check(f"{what}: exit code 3, and the older table stays", [
        problem, place.left(), "" if place.manifest() == manifest else "published",
        "" if "1.parquet" in place.error else f"does not name the file: {place.error.strip()}",
        f"a trace: {place.error}" if "\tat " in place.error else "",
    ])  # fmt: skip


def flip(file, at=None):
    """Flips one bit: of a number, or at the given place."""
    data = bytearray(file.read_bytes())
    # 'text' holds float32 numbers as bytes: flips the first bit of one mantissa.
    number = pq.read_table(file)["text"][3].as_py()[8:12]
    data[data.index(number) + 2 if at is None else at] ^= 64
    file.write_bytes(data)


def footer(file):
    """The length of a footer in bytes, which the end of the file gives."""
    return int.from_bytes(file.read_bytes()[-8:-4], "little")


def rewrite(file, column, kind):
    table = pq.read_table(file)
    index = table.schema.get_field_index(column)
    pq.write_table(table.set_column(index, column, table[column].cast(kind)), file)


def without_bytes():
    """A file of zero bytes is ignored, as in Spark; each run warns."""
    directory = tables("few", "of-no-bytes")
    os.truncate(directory / "1.parquet", 0)
    place = Place("no-bytes", small(directory.name))
    check("a file of no bytes: one warning, and the rows of the others", [
        place.run(), "" if place.error.count("files of no bytes are ignored") == 1 else f"says '{place.error.strip()}'",
        "" if published(place.output).num_rows == FEW // 2 else "other rows"])  # fmt: skip


def without_checksums():
    """Damage that cannot be detected without page checksums (src/docs/input.md); each run warns once."""
    write_table(ROOT / "unchecked", SCHEMA, rows(FEW), files=2, groups=6, compression="none", use_dictionary=False)
    flip(ROOT / "unchecked" / "1.parquet")
    place = Place("unchecked-run", small("unchecked"))
    problem = place.run()
    table, expected = published(place.output), published(old())
    numbers = [np.array(bits(each)).reshape(len(each), -1) for each in (table, expected)]
    other = int((numbers[0] != numbers[1]).any(axis=1).sum())
    warned = place.error.count("no page checksums")
    check(f"a bit flipped in a number, without page checksums: {warned} warning, {other} row has other numbers", [
        problem, "" if warned == 1 else place.error, "" if other == 1 else f"{other} rows",
        "" if table["key"].equals(expected["key"]) else "other keys",
    ])  # fmt: skip


CHANGES = {
    "replaced": lambda file, copy: os.replace(copy, file),
    "removed": lambda file, copy: file.unlink(),
    "cut": lambda file, copy: os.truncate(file, file.stat().st_size // 2),
}


def changed(what, change):
    """A file changes while tasks run."""
    directory = tables("pairs", what)
    place = Place(f"changed-{what}", paired(directory.name), spark=BIG_SPARK)
    process = place.start(hook=place.hold(2))
    done = place.wait(process, 2)
    copy = ROOT / f"copy-{what}.parquet"
    shutil.copy(directory / "2.parquet", copy)
    change(directory / "2.parquet", copy)
    place.release()
    place.end(process, 1)
    check(f"a file {what} with {done} tasks finished: exit code {place.code}, nothing published", [
        "" if place.code in (1, 3) else f"exit code {place.code}: {place.error}",
        "published" if place.output.exists() else "",
        "" if "2.parquet" in place.error else f"does not name the file: {place.error.strip()}",
        f"a trace: {place.error}" if "\tat " in place.error else "",
    ])  # fmt: skip


def full():
    directory = ROOT / "full"
    directory.mkdir(exist_ok=True)
    return directory


def resize(size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(full())], check=True)


def out_of_space(place):
    """What is wrong with the last message of a run."""
    last = (place.error.strip().splitlines() or [""])[-1]
    return f"says '{place.error.strip()}'" if "free disk space" not in last or "\tat " in place.error else ""


def full_output():
    """The disk of the output fills up."""
    place = Place("full/place", paired(), spark=BIG_SPARK)
    problem = place.run(expected=1)
    said = out_of_space(place)
    before = place.shards()
    resize("64m")
    problems = [problem, said, place.run()]
    if not problems[-1]:
        problems += [*differs(place, big()), place.left(), recomputed(place, before)]
    check(f"a disk full with {len(before)} tasks finished: exit code 1; with room, the same command goes on", problems)


def full_scratch():
    """The disk of spark.local.dir fills up while tables are shuffled."""
    inputs = ["--model", str(ROOT / "small"), "--key", "key", "--mask", "visual=mask", "--partitions", "4",
              *joined(ROOT / "to-shuffle", rows(ROWS))]  # fmt: skip
    reference = undisturbed("shuffle-reference", inputs)
    resize("2m")
    scratch = ["--conf", f"spark.local.dir={full() / 'scratch'}"]
    shutil.rmtree(full() / "place")
    place = Place("full-scratch", inputs)
    problem = place.run(spark=scratch, expected=1)
    said = out_of_space(place)
    resize("64m")
    problems = [problem, said, place.run(spark=scratch)]
    if not problems[-1]:
        problems += [*differs(place, reference), place.left()]
    check("a disk of spark.local.dir that is full: exit code 1; with room, the same command succeeds", problems)
