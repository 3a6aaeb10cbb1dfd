"""The encoder alone: Braid and its rivals, a process each, on the same rows in turn."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from braid_bench.catalogue import MODELS
from braid_bench.forms import rivals
from braid_bench.models import Floats, Model, Text
from braid_bench.parity import largest_error
from braid_bench.processes import Refused, Worker, java, python
from braid_bench.rows import FeatureColumn, feature_columns
from braid_bench.tables import FORMS, write_table

#: Rows of which PyTorch computes the expected vectors, in float64 and one by one.
_REFERENCE_ROWS = 8

_WARM_UP_SECONDS = 5.0


@dataclass
class Entry:
    """A contender in one precision and order of rows.

    order: of the rows in its mini-batches; `packed` has none.
    variant: what a trial chose, or how it computes; found when it first starts.
    seconds, processor_seconds: one entry per round, of the slot that took longest, and of all slots.
    """

    contender: str
    precision: str
    order: str
    slots: int
    variant: str = ""
    largest_error: float = 0.0
    seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)

    def start(self, label: str, work: Path) -> list[Worker]:
        """A process per slot, or one for all slots of Braid."""
        match self.contender:
            case "Braid":
                options = str(work / "model"), str(work / "rows"), self.precision, str(self.slots)
                return [Worker(java("BraidWorker", *options))]
            case "oneDNN matmul":
                _, columns = read_rows(MODELS[label], work)
                linears = MODELS[label].linears([int(column.lengths.sum()) for column in columns])
                return [Worker(java("Peak", *(",".join(map(str, linear)) for linear in linears)))]
        command = python("worker", self.contender, label, str(work / "table"), self.precision, self.order)
        workers: list[Worker] = []
        for _ in range(self.slots):
            workers.append(Worker([*command, *(self.variant.split("; batches of ") if self.variant else ())]))
            self.variant = workers[0].variant
        return workers


def entries(model: Model, text: Text, slots: int) -> list[Entry]:
    """Every contender; orders differ only where lengths do."""
    orders = ["arrival", "sorted"] if text == "ragged" else ["arrival"]
    all_entries = [Entry("Braid", precision, "packed", slots) for precision in ("fp32", "bf16")]
    all_entries += [
        Entry(rival, precision, order, slots)
        for rival in rivals(model)
        for precision in (("fp32", "bf16") if rival == "PyTorch" else ("fp32",))
        for order in orders
    ]
    return all_entries + ([Entry("oneDNN matmul", "fp32", "packed", 1)] if slots == 1 else [])


def measure(
    work: Path, label: str, text: Text, rows: int, slots: int, runs: int, rounds: int
) -> list[dict[str, Any]]:
    """Starts every contender anew for each run; each warms up alone, then passes in turn in every round."""
    model = MODELS[label]
    prepare(work, model, text, rows)
    batch, columns = read_rows(model, work)
    expected = reference(model, columns)
    measured = entries(model, text, slots)
    for _ in range(runs):
        workers = start_all(measured, label, work)
        measured = [entry for entry, _ in workers]
        check(work, workers, expected, len(batch), model.hidden_size)
        warm_up(workers)
        take_turns(workers, rounds)
        for _, of_entry in workers:
            for worker in of_entry:
                worker.close()
    lengths = [column.lengths for column in columns]
    common = {
        "model": label,
        "text": text,
        "rows": slots * len(batch),
        "tokens": slots * int(np.sum(lengths)),
        "flops": slots * model.flops(lengths),
    }
    bare = 2 * sum(k * n * tokens for k, n, tokens in model.linears([int(n.sum()) for n in lengths]))
    return [
        common | ({"flops": bare} if entry.contender == "oneDNN matmul" else {}) | vars(entry) for entry in measured
    ]


def start_all(measured: Sequence[Entry], label: str, work: Path) -> list[tuple[Entry, list[Worker]]]:
    """Starts one after the other, as some choose their forms first; a precision that Braid refuses here is left out."""
    workers: list[tuple[Entry, list[Worker]]] = []
    refused: set[str] = set()
    for entry in measured:
        if entry.precision not in refused:
            try:
                workers.append((entry, entry.start(label, work)))
            except Refused as refusal:
                print(f"# {refusal}; {entry.precision} is left out")
                refused.add(entry.precision)
    return workers


def prepare(work: Path, model: Model, text: Text, rows: int) -> None:
    """The model's directory, and its rows as a table for the rivals and as raw files for Braid."""
    for name in ("model", "table", "rows"):
        shutil.rmtree(work / name, ignore_errors=True)
    model.export(work / "model")
    write_table(work / "table", model, text, FORMS["flat"], rows)
    (work / "rows").mkdir()
    for modality, column in zip(model.modalities, read_rows(model, work)[1], strict=True):
        column.lengths.astype("<i4").tofile(work / "rows" / f"{modality.name}.lengths")
        column.numbers.numpy().astype("<f4").tofile(work / "rows" / f"{modality.name}.float32")


def read_rows(model: Model, work: Path) -> tuple[Any, list[FeatureColumn]]:
    batch = pq.read_table(work / "table").combine_chunks().to_batches()[0]
    return batch, feature_columns(batch, model.modalities)


@torch.inference_mode()
def reference(model: Model, columns: Sequence[FeatureColumn]) -> Floats:
    """The means of the first rows, computed by PyTorch in float64, each row alone."""
    module = model.module().double()
    torch.backends.mha.set_fastpath_enabled(False)
    rows = range(min(_REFERENCE_ROWS, len(columns[0].lengths)))
    means = [module(*(c.padded(np.array([row])).double() for c in columns)).mean(dim=1) for row in rows]
    return torch.cat(means).numpy()


def check(work: Path, workers: Sequence[tuple[Entry, list[Worker]]], expected: Floats, rows: int, size: int) -> None:
    """Compares the first rows with PyTorch's in float64, and all rows with the first contender's."""
    of_first: Floats | None = None
    for entry, (worker, *_) in workers:
        if entry.contender == "oneDNN matmul":
            continue
        worker.fuse(work / "fused")
        means = np.fromfile(work / "fused", "<f4").reshape(rows, size)
        of_first = means if of_first is None else of_first
        name = f"{entry.contender} ({entry.precision}, {entry.order})"
        errors = [
            largest_error(name, expected, means[: len(expected)], entry.precision),
            largest_error(name, of_first, means, entry.precision),
        ]
        entry.largest_error = max(entry.largest_error, *errors)


def warm_up(workers: Sequence[tuple[Entry, list[Worker]]]) -> None:
    """Everyone passes once or more, until a JVM has compiled what it runs."""
    for _, slots in workers:
        end = time.perf_counter() + _WARM_UP_SECONDS
        while True:
            for worker in slots:
                worker.send("time")
            for worker in slots:
                worker.times()
            if time.perf_counter() > end:
                break


def take_turns(workers: Sequence[tuple[Entry, list[Worker]]], rounds: int) -> None:
    """Everyone passes once in each round, so that a machine that slows down slows everyone; the first one changes."""
    for number in range(rounds):
        for turn in range(len(workers)):
            entry, slots = workers[(number + turn) % len(workers)]
            for worker in slots:
                worker.send("time")
            times = [worker.times() for worker in slots]
            entry.seconds.append(max(seconds for seconds, _ in times))
            entry.processor_seconds.append(sum(processor for _, processor in times))
