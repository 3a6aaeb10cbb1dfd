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
from braid_bench.catalogue import MODELS
from braid_bench.environment import environment
from braid_bench.models import TEXTS
from braid_bench.report import report, write_raw
from braid_bench.tables import FORMS

PARTS = ("encoder", "jobs", "ends")


def main() -> None:
    options = parsed()
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    for part in options.part or PARTS:
        with tempfile.TemporaryDirectory(dir=options.work or output, prefix="braid-bench-") as work:
            records = {"encoder": encoder_part, "jobs": jobs_part, "ends": ends_part}[part](options, Path(work))
        write_raw(output / f"{part}.json", environment(), records)
    text = report(output)
    (output / "bench.md").write_text(text, encoding="utf-8")
    print(text)


def encoder_part(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    records = []
    for label in options.model or (("ii",) if options.quick else ("i", "ii", "iv", "two-streams", "lxmert")):
        rows = options.rows or MODELS[label].rows // (4 if options.quick else 1)
        for slots in options.slots or ((1,) if options.quick else (1, os.cpu_count() or 1)):
            for text in TEXTS:
                print(f"# ({label}), {text}, {rows} rows, {slots} slots", flush=True)
                runs = options.runs or (1 if options.quick else 3)
                records += encoder.measure(work, label, text, rows, slots, runs, options.rounds)
    return records


def jobs_part(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    label = options.model[0] if options.model else "ii"
    rows = options.rows or (1000 if options.quick else 8000) * MODELS["ii"].tokens // MODELS[label].tokens
    forms = ["float16"] if options.quick else list(FORMS)
    slots = options.slots[-1] if options.slots else os.cpu_count() or 1
    records = []
    for text in ("ragged",) if options.quick else TEXTS:
        records += jobs.measure(work, label, text, forms, rows, slots, options.runs or (1 if options.quick else 3))
    return records


def ends_part(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    runs = options.runs or (1 if options.quick else 3)
    return ends.measure(work, options.rows or (500 if options.quick else 3000), runs, 1 if options.quick else None)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="jobs/bench.sh", description=__doc__.split("\n", 1)[1])
    parser.add_argument("--output", type=Path, required=True, help="directory of the raw seconds and of bench.md")
    parser.add_argument("--work", type=Path, help="directory for tables of up to 5 GB; default: that of the output")
    parser.add_argument("--quick", action="store_true", help="one model, few rows, one run of each contender")
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    models = "default: i, ii, iv, two-streams, lxmert; ii from table to table"
    parser.add_argument("--model", action="append", choices=MODELS, help=models)
    parser.add_argument("--rows", type=int, help="rows of a pass, or of a table")
    parser.add_argument("--slots", type=int, action="append", help="task slots; default: one, then one per core")
    parser.add_argument("--runs", type=int, help="starts of each contender; default: 3, or 1")
    parser.add_argument("--rounds", type=int, default=3, help="passes of the encoder in a run; default: 3")
    options = parser.parse_args()
    if options.model and any(m.box_size for m in MODELS[options.model[0]].modalities) and "jobs" in (options.part or PARTS):
        parser.error(f"Cannot measure {options.model[0]} from table to table: its boxes have no column; pass --part encoder")
    return options


if __name__ == "__main__":
    main()
