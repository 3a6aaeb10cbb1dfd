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
from braid_bench.forms import PRECISIONS, rivals
from braid_bench.models import Floats, Model, Text
from braid_bench.parity import largest_error
from braid_bench.processes import Refused, Worker, java, python
from braid_bench.products import Products, products
from braid_bench.rows import FeatureColumn, feature_columns
from braid_bench.tables import FORMS, write_table

#: Rows of which PyTorch computes the expected vectors, in float64 and one by one.
_REFERENCE_ROWS = 8

#: Rows of a ragged table, at least. Of fewer, rows that follow each other by length differ more than in a table of users.
_RAGGED_ROWS = 64

PEAK = "oneDNN matmul"


#: By name, precision and order: what a trial chose.
Variants = dict[tuple[str, str, str], str]


@dataclass
class Contender:
    """One in one precision and order of rows.

    order: of the rows in its mini-batches; `packed` has none.
    variant: the form and batch size that a trial chose, when it first started, with however many slots.
    seconds, processor_seconds: one entry per round, of the slot that took longest, and of all slots.
    """

    name: str
    precision: str
    order: str
    slots: int
    flops: int
    variant: str = ""
    largest_error: float = 0.0
    seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)

    def start(self, label: str, work: Path, bare: Products) -> list[Worker]:
        """A process per slot, or one for all slots of Braid."""
        if self.name == "Braid":
            options = str(work / "model"), str(work / "rows"), self.precision, str(self.slots)
            return [Worker(java("BraidWorker", *options))]
        if self.name == PEAK:
            sizes = (f"{inputs},{outputs},{tokens}" for (inputs, outputs), tokens in bare.linears.items())
            return [Worker(java("Peak", *sizes))]
        command = python("worker", self.name, label, str(work / "table"), self.precision, self.order)
        workers = []
        for _ in range(self.slots):
            chosen = self.variant.split("; batches of ") if self.variant else []
            workers.append(Worker([*command, *chosen]))
            self.variant = workers[0].variant
        return workers


def contenders(model: Model, text: Text, slots: int, counted: Products, variants: Variants) -> list[Contender]:
    """All of them; orders differ only where lengths do."""
    flops = slots * (counted.linear_flops + counted.attention_flops)
    found = [Contender("Braid", precision, "packed", slots, flops) for precision in PRECISIONS]
    for precision in PRECISIONS:
        for rival in rivals(model, precision):
            for order in ("arrival", "sorted") if text == "ragged" else ("arrival",):
                variant = variants.get((rival, precision, order), "")
                found.append(Contender(rival, precision, order, slots, flops, variant))
    return found + ([Contender(PEAK, "fp32", "packed", 1, counted.linear_flops)] if slots == 1 else [])


def measure(
    work: Path, label: str, text: Text, all_slots: Sequence[int], runs: int, quick: bool
) -> list[dict[str, Any]]:
    """Starts every contender anew for each run; each warms up alone, then all pass in turn in every round."""
    model = MODELS[label]
    rows = max(model.rows, _RAGGED_ROWS if text == "ragged" else 0) // (4 if quick else 1)
    columns = prepare(work, model, text, rows)
    lengths = [column.lengths for column in columns]
    counted = products(model, lengths)
    expected = reference(model, columns)
    variants: Variants = {}
    records = []
    for slots in all_slots:
        print(f"# ({label}), {text}, {slots} slots", flush=True)
        measured = contenders(model, text, slots, counted, variants)
        for _ in range(runs):
            workers = start_all(measured, label, work, counted)
            measured = [contender for contender, _ in workers]
            check(work, workers, expected, rows)
            for _, of_contender in workers:
                warm_up(of_contender, 1.0 if quick else 5.0)
            for number in range(3):
                one_round(workers[number % len(workers) :] + workers[: number % len(workers)])
            for _, of_contender in workers:
                for worker in of_contender:
                    worker.close()
        variants = {(contender.name, contender.precision, contender.order): contender.variant for contender in measured}
        common = {"model": label, "text": text, "rows": slots * rows, "tokens": slots * int(np.sum(lengths))}
        records += [common | vars(contender) for contender in measured]
    return records


def prepare(work: Path, model: Model, text: Text, rows: int) -> list[FeatureColumn]:
    """The model's directory, and its rows as a table for the rivals and as raw files for Braid."""
    for name in ("model", "table", "rows"):
        shutil.rmtree(work / name, ignore_errors=True)
    model.export(work / "model")
    write_table(work / "table", model, text, FORMS["flat"], rows)
    (batch,) = pq.read_table(work / "table").combine_chunks().to_batches()
    columns = feature_columns(batch, model.modalities)
    (work / "rows").mkdir()
    for modality, column in zip(model.modalities, columns, strict=True):
        column.lengths.astype("<i4").tofile(work / "rows" / f"{modality.name}.lengths")
        column.numbers.numpy().astype("<f4").tofile(work / "rows" / f"{modality.name}.float32")
    return columns


@torch.inference_mode()
def reference(model: Model, columns: Sequence[FeatureColumn]) -> Floats:
    """The means of the first rows, computed by PyTorch in float64, each row alone."""
    module = model.module().double()
    torch.backends.mha.set_fastpath_enabled(False)
    rows = range(min(_REFERENCE_ROWS, len(columns[0].lengths)))
    means = [module(*(c.padded(np.array([row])).double() for c in columns)).mean(dim=1) for row in rows]
    return torch.cat(means).numpy()


#: Contenders, and the processes of their slots.
Workers = list[tuple[Contender, list[Worker]]]


def start_all(measured: Sequence[Contender], label: str, work: Path, counted: Products) -> Workers:
    """Starts one after the other, as some choose their forms first; a precision that Braid refuses here is left out."""
    workers: Workers = []
    refused: set[str] = set()
    for contender in measured:
        if contender.precision not in refused:
            try:
                workers.append((contender, contender.start(label, work, counted)))
            except Refused as refusal:
                print(f"# {refusal}; {contender.precision} is left out")
                refused.add(contender.precision)
    return workers


def check(work: Path, workers: Workers, expected: Floats, rows: int) -> None:
    """Compares the first rows with PyTorch's in float64, and all rows with the first contender's."""
    of_first: Floats | None = None
    for contender, (worker, *_) in workers:
        if contender.name == PEAK:
            continue
        worker.fuse(work / "fused")
        means = np.fromfile(work / "fused", "<f4").reshape(rows, -1)
        of_first = means if of_first is None else of_first
        name = f"{contender.name} ({contender.precision}, {contender.order})"
        for other in (expected, of_first):
            error = largest_error(name, other, means[: len(other)], contender.precision)
            contender.largest_error = max(contender.largest_error, error)


def warm_up(slots: Sequence[Worker], at_least: float) -> None:
    """Passes until a JVM has compiled what it runs."""
    end = time.perf_counter() + at_least
    while time.perf_counter() < end:
        one_pass(slots)


def one_round(workers: Workers) -> None:
    """Everyone passes once, so that a machine that slows down slows everyone."""
    for contender, slots in workers:
        times = one_pass(slots)
        contender.seconds.append(max(seconds for seconds, _ in times))
        contender.processor_seconds.append(sum(processor for _, processor in times))


def one_pass(slots: Sequence[Worker]) -> list[tuple[float, float]]:
    """All slots work at the same time."""
    for worker in slots:
        worker.start()
    return [worker.times() for worker in slots]
