"""python -m braid_bench --output DIRECTORY [--part PART]... [--quick]: measures, and writes a report.

Each part leaves a file of raw seconds in the directory; the report holds all parts that have one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from braid_bench import encoder, ends, jobs
from braid_bench.catalogue import MODELS, PUBLISHED
from braid_bench.report import report, write_raw

Records = list[dict[str, Any]]


def main() -> None:
    options = parsed()
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    work = options.work or output
    work.mkdir(parents=True, exist_ok=True)
    for part in options.part or PARTS:
        with tempfile.TemporaryDirectory(dir=work, prefix="braid-bench-") as scratch:
            write_raw(output / f"{part}.json", PARTS[part](options, Path(scratch)))
    text = report(output)
    (output / "bench.md").write_text(text, encoding="utf-8")
    print(text)


def encoder_part(options: argparse.Namespace, work: Path) -> Records:
    records = []
    for label in options.model or (["ii"] if options.quick else PUBLISHED):
        model = MODELS[label]
        for text in model.texts[-1:] if options.quick else model.texts:
            slots = options.slots or ([1] if options.quick else sorted({1, os.cpu_count() or 1}))
            records += encoder.measure(work, label, text, slots, options.runs, options.quick)
    return records


def jobs_part(options: argparse.Namespace, work: Path) -> Records:
    forms = options.form or (["float16"] if options.quick else jobs.STORED)
    records = []
    for label in options.model or ["ii"]:
        model = MODELS[label]
        rows = (1000 if options.quick else 8000) * MODELS["ii"].tokens // model.tokens
        for slots in options.slots or [os.cpu_count() or 1]:
            for text in model.texts[-1:] if options.quick else model.texts:
                records += jobs.measure(work, label, text, forms, rows, slots, options.runs)
    return records


def ends_part(options: argparse.Namespace, work: Path) -> Records:
    return ends.measure(work, 500 if options.quick else 3000, options.runs, 1 if options.quick else None)


PARTS = {"encoder": encoder_part, "jobs": jobs_part, "ends": ends_part}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="jobs/bench.sh", description=__doc__.split("\n", 1)[1])
    parser.add_argument("--output", type=Path, required=True, help="directory of the raw seconds and of bench.md")
    parser.add_argument("--work", type=Path, help="directory for tables of up to 5 GB; default: that of the output")
    quick = "(ii) alone, and one form of reading and of writing; few rows, one run of each contender"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    labels = f"of {', '.join(PUBLISHED)}; default: all, but ii if quick or in the part jobs; the part ends has its own"
    parser.add_argument("--model", action="append", choices=MODELS, metavar="MODEL", help=labels)
    forms = "of the tables of the part jobs; default: all, or float16 if quick"
    parser.add_argument("--form", action="append", choices=jobs.STORED, help=forms)
    slots = "task slots; default: one and one per core, but one if quick, and one per core in the part jobs; the part ends has one"
    parser.add_argument("--slots", type=int, action="append", help=slots)
    parser.add_argument("--runs", type=int, help="starts of each contender; default: 3, or 1 if quick")
    options = parser.parse_args()
    options.runs = options.runs or (1 if options.quick else 3)
    for label in options.model or ():
        if any(m.box_size for m in MODELS[label].modalities) and "jobs" in (options.part or PARTS):
            parser.error(f"Cannot measure {label} from table to table: its boxes have no column; pass --part encoder")
    return options


if __name__ == "__main__":
    main()
