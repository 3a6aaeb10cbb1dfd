"""The report: Markdown tables from the raw seconds of all parts."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from braid_bench.catalogue import MODELS
from braid_bench.environment import environment
from braid_bench.pyspark_job import arrow_rows

Record = dict[str, Any]

#: Below this share of a core for each slot, other programs ran, and the times tell little.
_LEAST_SHARE = 0.95


def write_raw(file: Path, records: Sequence[Record]) -> None:
    file.write_text(json.dumps({"environment": environment(), "records": records}, indent=1) + "\n", encoding="utf-8")


def report(directory: Path) -> str:
    """Of every part that has a file of raw seconds in the directory."""
    sections = ["# Braid next to its rivals"]
    for part, section in {"encoder": encoder, "jobs": jobs, "ends": ends}.items():
        file = directory / f"{part}.json"
        if file.exists():
            raw = json.loads(file.read_text(encoding="utf-8"))
            sections += [section(raw["records"]), raw["environment"]]
    sections.append("Medians, with the lowest and the highest value. Ratios are of the same round.")
    return "\n\n".join(sections) + "\n"


def encoder(records: list[Record]) -> str:
    """Braid next to the rivals, in each precision and order of rows."""
    lines = []
    for group in grouped(records, "model", "text", "slots"):
        peak = next((r for r in group if r["name"] == "oneDNN matmul"), None)
        for braid in (r for r in group if r["name"] == "Braid"):
            rivals = [r for r in group if r["order"] != "packed" and r["precision"] == braid["precision"]]
            share = spread(ratios(peak, braid, work="flops")) if peak and braid["precision"] == "fp32" else ""
            for of_order in grouped(rivals, "order") or [[]]:
                by_name = {r["name"]: rates(r) for r in of_order}
                best = min(of_order, key=lambda r: statistics.median(r["seconds"]), default=None)
                ratio = spread(ratios(best, braid)) if best else "no rival"
                name = [f"({braid['model']})", rows_of(best or braid), braid["precision"], str(braid["slots"])]
                cells = [by_name.get("PyTorch", ""), by_name.get("ONNX Runtime", "")]
                lines.append([*name, rates(braid), *cells, ratio, share])
    models = "\n".join(f"- ({label}): {MODELS[label]}" for label in dict.fromkeys(r["model"] for r in records))
    chosen = "\n".join(
        f"- ({r['model']}) {rows_of(r)}, {r['precision']}, {r['slots']} slots: {r['name']}: {r['variant']}"
        for r in records
        if r["variant"]
    )
    by_precision = grouped(records, "precision")
    errors = ", ".join(f"{max(r['largest_error'] for r in of):.0e} in {of[0]['precision']}" for of in by_precision)
    pairs = [(p, s * r["slots"]) for r in records for p, s in zip(r["processor_seconds"], r["seconds"], strict=True)]
    had = statistics.median(processor / seconds for processor, seconds in pairs)
    busy = "" if had >= _LEAST_SHARE else " **Other programs ran: these times tell little.**"
    header = ["model", "rows", "numbers", "slots", "Braid", "PyTorch", "ONNX Runtime", "Braid / better", "of peak"]
    return f"""## The encoder alone, rows/s

{table(header, lines)}

A slot is one thread of Braid, or one process of a rival. Rivals find their rows padded; Braid decodes and packs its own \
inside the time. *Of peak*: Braid's floating-point operations per second next to bare oneDNN products of the encoder's sizes, \
whose operands stay in the caches. All vectors agreed before anything was timed: largest errors {errors}. A contender had a \
core for {100 * had:.0f} % of the time.{busy}

{models}

What a trial found fastest:

{chosen}"""


def rows_of(record: Record) -> str:
    order = {"arrival": ", as they come", "sorted": f", {record['rows'] // record['slots']:,} rows sorted by length", "packed": ""}[record["order"]]
    return "dense" if record["text"] == "dense" else f"ragged{order}"


def jobs(records: list[Record]) -> str:
    """From table to table."""
    lines = []
    for braid, *rivals in grouped(records, "model", "text", "form", "slots"):
        for rival in rivals:
            rows = f"{rival['rows']:,} {rival['text']}"
            name = [f"({rival['model']})", rival["form"], rows, str(rival["slots"]), rival["name"], rival["variant"]]
            lines.append([*name, rates(braid), rates(rival), spread(ratios(rival, braid))])
    header = ["model", "columns", "rows", "slots", "rival", "in the form", "Braid", "rival", "Braid / rival"]
    labels = dict.fromkeys(r["model"] for r in records)
    in_batches = ", ".join(f"{arrow_rows(MODELS[label]):,} of ({label})" for label in labels)
    return f"""## From table to table, rows/s

{table(header, lines)}

From a Spark session that has started to the published output. The rivals sort the rows of an Arrow batch by length: \
{in_batches}. Every table was compared with Braid's: largest error {max(r["largest_error"] for r in records):.0e}."""


def ends(records: list[Record]) -> str:
    """Reading and writing, microseconds per row."""
    lines = []
    for r in records:
        per_row = [spread([1e6 * s / r["rows"] for s in r[f"{name}_seconds"]]) for name in ("braid", "pyarrow")]
        ratio = spread([b / p for b, p in zip(r["braid_seconds"], r["pyarrow_seconds"], strict=True)])
        lines.append([r["end"], r["form"], f"{r['rows']:,}", *per_row, ratio])
    header = ["end", "form", "rows", "Braid, µs a row", "PyArrow, µs a row", "Braid / PyArrow"]
    return f"## Reading and writing on one thread\n\n{table(header, lines)}"


def rates(record: Record) -> str:
    """Rows per second of all slots together."""
    return spread([record["rows"] / seconds for seconds in record["seconds"]])


def ratios(slower: Record, faster: Record, work: str = "rows") -> list[float]:
    """How many times as fast one record is as the other, round by round."""
    factor = faster[work] / slower[work]
    return [factor * s / f for s, f in zip(slower["seconds"], faster["seconds"], strict=True)]


def spread(values: Sequence[float]) -> str:
    """Median (lowest–highest), with at least three digits of the median; one value alone says so."""
    median = statistics.median(values)
    decimals = 2 if median < 10 else 1 if median < 100 else 0
    if len(values) == 1:
        return f"{median:,.{decimals}f} (one run)"
    return f"{median:,.{decimals}f} ({min(values):,.{decimals}f}–{max(values):,.{decimals}f})"


def grouped(records: Iterable[Record], *keys: str) -> list[list[Record]]:
    """Records that agree in all keys, in the order in which they were measured."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record[key] for key in keys), []).append(record)
    return list(groups.values())


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
