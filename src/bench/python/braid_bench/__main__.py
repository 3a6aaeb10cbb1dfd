"""python -m braid_bench --output FILE [--quick] [--parts PART...]: measures from Parquet to Parquet, prints tables, writes records."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from braid_bench.comparison import Comparison, comparison_table
from braid_bench.ends import ends, ends_table
from braid_bench.model import write_model
from braid_bench.records import Record, table, write_records
from braid_bench.scaling import memory, slots, start
from braid_bench.shape import COMPARED, TEXTS, VECTORS
from braid_bench.tables import FORMS

_PARTS = ("end-to-end", "slots", "start", "memory")

#: Parts that are measured only if they are named; the report wants the results of each in a file of its own.
_OTHER_PARTS = ("vectors", "ends")

#: Rows of a table by part, and with --quick.
_ROWS = {"end-to-end": (8000, 1000), "slots": (8000, 1000), "vectors": (400_000, 20_000), "ends": (3000, 1000)}


def main() -> None:
    options = parsed()
    measured: dict[str, list[Record]] = {}
    with tempfile.TemporaryDirectory(dir=options.work or options.output.parent, prefix="braid-bench-") as directory:
        work = Path(directory).resolve()
        model = work / "model"
        write_model(model, COMPARED)
        if "end-to-end" in options.parts:
            comparison = Comparison("end-to-end", "(ii)", work, model, rows(options, "end-to-end"), options.repetitions)
            measured["measurements"] = comparison.run(options.forms, options.texts)
        if "slots" in options.parts:
            measured["slots"] = slots(work, model, rows(options, "slots"), options.repetitions)
        if "start" in options.parts:
            measured["start"] = start(work, options.repetitions)
        if "memory" in options.parts:
            measured["memory"] = memory(work, (10_000, options.many_rows))
        if "vectors" in options.parts:
            write_model(model, VECTORS)
            comparison = Comparison("vectors", "(vi)", work, model, rows(options, "vectors"), options.repetitions)
            measured["measurements"] = comparison.run(["flat"], ["dense"])
        if "ends" in options.parts:
            measured["ends"] = ends(work, rows(options, "ends"), options.repetitions, options.quick)
    write_records(options.output, measured)
    print(report(measured))


def rows(options: argparse.Namespace, part: str) -> int:
    """The number that was asked for, or the part's own."""
    return int(options.rows or _ROWS[part][options.quick])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="braid_bench", description="Braid and PySpark from Parquet to Parquet.")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--work", type=Path, help="a directory for tables of up to 5 GB; default: that of the output")
    parser.add_argument("--quick", action="store_true", help="few rows, each contender once, one form of storage")
    parser.add_argument("--rows", type=int, help="rows of a table; default: depends on the part")
    parser.add_argument("--repetitions", type=int, help="runs of each contender; default: 3, or 1")
    parser.add_argument("--forms", nargs="+", choices=FORMS, help="default: all, or float16")
    parser.add_argument("--texts", nargs="+", choices=TEXTS, default=TEXTS)
    parser.add_argument("--parts", nargs="+", choices=_PARTS + _OTHER_PARTS, help="default: the first four, or end-to-end")
    parser.add_argument("--many-rows", type=int, default=1_000_000, help="rows of the larger table of 'memory'")
    quick = parser.parse_known_args()[0].quick
    parser.set_defaults(
        repetitions=1 if quick else 3,
        forms=["float16"] if quick else list(FORMS),
        parts=["end-to-end"] if quick else list(_PARTS),
    )
    return parser.parse_args()


def report(measured: Mapping[str, Sequence[Record]]) -> str:
    """A table for each part that was measured."""
    tables = []
    if compared := measured.get("measurements"):
        tables.append(f"{compared[0]['rows']} rows, two task slots\n\n{comparison_table(compared)}")
    if of_slots := measured.get("slots"):
        one = of_slots[0]["rows_per_second"]
        rates = [(r["slots"], r["rows_per_second"]) for r in of_slots]
        lines = [[str(count), f"{rate:.0f}", f"{rate / one:.2f}"] for count, rate in rates]
        tables.append(table(["slots", "rows/s", "/ one"], lines))
    for record in measured.get("start", ()):
        lines = [
            ["the demo, s", *(f"{seconds:.1f}" for seconds in record["demo_seconds"])],
            [f"a task of {record['task_rows']} rows, ms", *(f"{1e3 * s:.1f}" for s in record["task_seconds"])],
        ]
        tables.append(table(["start", *(f"run {n + 1}" for n in range(len(record["demo_seconds"])))], lines))
    if of_memory := measured.get("memory"):
        lines = [[f"{r['rows']:,}", f"{r['peak_bytes'] / 2**20:.0f}"] for r in of_memory]
        tables.append(table(["small rows", "peak MiB"], lines))
    if of_ends := measured.get("ends"):
        tables.append(f"One thread each\n\n{ends_table(of_ends)}")
    return "\n\n".join(tables)


if __name__ == "__main__":
    main()
