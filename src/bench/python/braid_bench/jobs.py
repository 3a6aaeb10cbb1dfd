"""From table to table: `jobs/fuse.sh` and PySpark jobs with the same rivals, on the same Parquet files in turn."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from braid_bench.catalogue import MODELS
from braid_bench.forms import rivals
from braid_bench.models import Floats, Text
from braid_bench.parity import largest_error
from braid_bench.processes import Worker, fuse, printed, python, seconds
from braid_bench.pyspark_job import arrow_rows
from braid_bench.tables import FORMS, FUSED, KEY, Form, write_table

#: Forms of storage.
STORED = ("nested", "flat", "float16")

#: Tokens of the table that is fused before anything is timed.
_SAMPLE_TOKENS = 128 * MODELS["ii"].tokens

#: Fuses a table in a form of storage to an output, and prints its seconds.
Job = Callable[[Path, Form, Path], str]


def measure(
    work: Path, label: str, text: Text, forms: Sequence[str], rows: int, slots: int, runs: int
) -> list[dict[str, Any]]:
    """Every form of storage. All jobs fuse a sample first; whatever a job writes is compared with Braid's table."""
    model = MODELS[label]
    sample_rows = _SAMPLE_TOKENS // model.tokens
    model.export(work / "model")
    jobs: dict[tuple[str, str], Job] = {("Braid", ""): partial(fuse, work / "model", slots=slots)}
    for rival in rivals(model, "fp32"):
        variant = chosen(work / "sample", label, text, rival)
        jobs[f"PySpark with {rival}", variant] = partial(pyspark, label, slots, rival, variant)
    records = []
    for form in forms:
        timed(work, label, jobs, FORMS[form], text, sample_rows, 1)
        taken, error = timed(work, label, jobs, FORMS[form], text, rows, runs)
        common = {"model": label, "text": text, "form": form, "slots": slots, "rows": rows, "largest_error": error}
        records += [common | {"name": name, "variant": variant, "seconds": taken[name]} for name, variant in jobs]
    shutil.rmtree(work / "model")
    return records


def chosen(sample: Path, label: str, text: Text, rival: str) -> str:
    """The form and the batch size that a trial finds fastest on the rows of one Arrow batch, which the job sorts too."""
    write_table(sample, MODELS[label], text, FORMS["flat"], arrow_rows(MODELS[label]))
    trial = Worker(python("worker", rival, label, str(sample), "fp32", "sorted"))
    trial.close()
    shutil.rmtree(sample)
    return trial.variant


def pyspark(label: str, slots: int, rival: str, variant: str, table: Path, _: Form, output: Path) -> str:
    return printed(python("pyspark_job", label, str(table), str(output), str(slots), rival, *variant.split("; batches of ")))


def timed(
    work: Path, label: str, jobs: dict[tuple[str, str], Job], form: Form, text: Text, rows: int, runs: int
) -> tuple[dict[str, list[float]], float]:
    """Fuses a new table with all jobs in turn: the seconds by job, and the largest error."""
    table, fused = work / "table", work / "fused"
    write_table(table, MODELS[label], text, form, rows)
    taken: dict[str, list[float]] = {name: [] for name, _ in jobs}
    error = 0.0
    for run in range(runs):
        first = run % len(jobs)
        for (name, _), job in [*jobs.items()][first:] + [*jobs.items()][:first]:
            taken[name].append(seconds(job(table, form, fused / name)))
            print(f"# {form.name}, {text}, {rows} rows: {name} {taken[name][-1]:.1f} s", flush=True)
        error = max(error, *(compare_tables(fused / "Braid", fused / name) for name in taken))
        shutil.rmtree(fused)
    shutil.rmtree(table)
    return taken, error


def compare_tables(expected: Path, actual: Path) -> float:
    """The largest error of the fused vectors in a table. Raises ValueError if rows are missing or vectors differ."""
    keys, vectors = _read(expected)
    actual_keys, actual_vectors = _read(actual)
    if not np.array_equal(keys, actual_keys):
        raise ValueError(
            f"Cannot compare {actual.name}: expected the {len(keys)} rows of {expected.name}, got {len(actual_keys)}"
        )
    return largest_error(actual.name, vectors, actual_vectors, "fp32")


def _read(table: Path) -> tuple[np.ndarray, Floats]:
    """Keys in order, and their vectors."""
    rows = pq.read_table(table, columns=[KEY, FUSED]).sort_by(KEY).combine_chunks()
    keys = rows[KEY].to_numpy()
    return keys, rows[FUSED].combine_chunks().flatten().to_numpy().reshape(len(keys), -1)
