"""The report: Markdown tables from the raw seconds of all parts."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from braid_bench.catalogue import MODELS

Record = dict[str, Any]

#: Below this share of a core for each slot, other programs ran, and the times tell little.
_LEAST_SHARE = 0.95


def write_raw(file: Path, environment: Record, records: Sequence[Record]) -> None:
    file.write_text(json.dumps({"environment": environment, "records": records}, indent=1) + "\n", encoding="utf-8")


def report(directory: Path) -> str:
    """Of every part that has a file of raw seconds in the directory."""
    parts: dict[str, Callable[[list[Record]], str]] = {"encoder": encoder, "jobs": jobs, "ends": ends}
    sections = ["# Braid next to its rivals"]
    for part, section in parts.items():
        file = directory / f"{part}.json"
        if file.exists():
            raw = json.loads(file.read_text(encoding="utf-8"))
            sections.append(f"{section(raw['records'])}\n\n{described(raw['environment'])}")
    sections.append("Medians, with the lowest and the highest value. Ratios are of the same round.")
    return "\n\n".join(sections) + "\n"


def described(environment: Record) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    where = f"{environment['processor']}, {environment['cores']} cores; {versions}"
    return f"{where}; {environment['date']}; revision {environment['revision']}."


def encoder(records: list[Record]) -> str:
    """Braid next to the rivals, in each precision and order of rows."""
    lines, variants, shares = [], [], []
    groups = grouped(records, "model", "text", "slots")
    for group in groups:
        peak = next((r for r in group if r["contender"] == "oneDNN matmul"), None)
        for braid in (r for r in group if r["contender"] == "Braid"):
            rivals = [r for r in group if r["precision"] == braid["precision"] and r["order"] != "packed"]
            for order in dict.fromkeys(r["order"] for r in rivals):
                of_order = {r["contender"]: r for r in rivals if r["order"] == order}
                best = min(of_order.values(), key=lambda r: statistics.median(r["seconds"]))
                cells = [rates(of_order[name]) if name in of_order else "" for name in ("PyTorch", "ONNX Runtime")]
                share = spread(ratios(peak, braid, work="flops")) if peak and braid["precision"] == "fp32" else ""
                rows = "as they come" if order == "arrival" else "sorted by length"
                text = braid["text"] if braid["text"] == "dense" else f"ragged, {rows}"
                name = [f"({braid['model']})", text, braid["precision"], str(braid["slots"])]
                lines.append([*name, rates(braid), *cells, spread(ratios(best, braid)), share])
        variants += [
            f"- ({r['model']}) {r['text']}, {r['precision']}, {r['order']}, {r['slots']} slots: "
            f"{r['contender']}: {r['variant']}"
            for r in group
            if r["order"] != "packed"
        ]
    for record in records:
        shares += [p / s / record["slots"] for p, s in zip(record["processor_seconds"], record["seconds"], strict=True)]
    header = ["model", "rows", "numbers", "slots", "Braid", "PyTorch", "ONNX Runtime", "Braid / better", "of peak"]
    busy = "" if statistics.median(shares) >= _LEAST_SHARE else " **Other programs ran: these times tell little.**"
    return "\n\n".join(
        [
            "## The encoder alone, rows/s",
            table(header, lines),
            "A slot is one thread of Braid, or one process of a rival. Rivals find their rows padded; Braid decodes and packs "
            "its own inside the time. *Of peak*: Braid's floating-point operations per second next to bare oneDNN products "
            "of the encoder's sizes, whose operands stay in the caches. All vectors agreed before anything was timed: largest "
            f"error {max(r['largest_error'] for r in records if r['precision'] == 'fp32'):.0e} in fp32. A contender had a "
            f"core for {100 * statistics.median(shares):.0f} % of the time.{busy}",
            "\n".join(sizes(record["model"]) for record in {r["model"]: r for r in records}.values()),
            "What a trial found fastest:\n\n" + "\n".join(variants),
        ]
    )


def sizes(label: str) -> str:
    model = MODELS[label]
    features = " and ".join(f"{m.tokens} {m.name} tokens of {m.token_size}" for m in model.modalities)
    return (
        f"- ({label}): hidden {model.hidden_size}, {model.heads} heads, {model.layer_counts}, feed-forward "
        f"{model.intermediate_size}, {model.activation}; {features}, ragged {model.ragged_text[0]} to {model.ragged_text[1]}"
    )


def jobs(records: list[Record]) -> str:
    """From table to table."""
    lines = []
    for group in grouped(records, "model", "text", "form"):
        braid, *rivals = group
        for rival in rivals:
            name = [f"({rival['model']})", rival["form"], rival["text"], rival["contender"], rival["variant"]]
            lines.append([*name, rates(braid), rates(rival), spread(ratios(rival, braid))])
    header = ["model", "columns", "rows", "rival", "in the form", "Braid", "rival", "Braid / rival"]
    first = records[0]
    return (
        f"## From table to table, rows/s\n\n{table(header, lines)}\n\n{first['rows']:,} rows, {first['slots']} task slots, from "
        "a Spark session that has started to the published output. The rivals sort the rows of an Arrow batch by length. "
        f"Every table was compared with Braid's: largest error {max(r['largest_error'] for r in records):.0e}."
    )


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
