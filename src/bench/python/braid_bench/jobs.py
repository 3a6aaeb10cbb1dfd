"""From table to table: `jobs/fuse.sh` and PySpark jobs with the same rivals, on the same Parquet files in turn."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from braid_bench.catalogue import MODELS
from braid_bench.forms import rivals
from braid_bench.models import Text
from braid_bench.parity import compare_tables
from braid_bench.processes import Braid, Job, PySpark, Worker, python
from braid_bench.tables import FORMS, Form, write_table

#: Tokens of the table that is fused before anything is timed, and on which the rivals choose their forms.
_SAMPLE_TOKENS = 128 * MODELS["ii"].tokens


def measure(
    work: Path, label: str, text: Text, forms: Sequence[str], rows: int, slots: int, runs: int
) -> list[dict[str, Any]]:
    """Every form of storage. All jobs fuse a sample first; whatever a job writes is compared with Braid's table."""
    model = MODELS[label]
    sample_rows = _SAMPLE_TOKENS // model.tokens
    model.export(work / "model")
    jobs = contenders(work, label, text, sample_rows, slots)
    records = []
    for name in forms:
        fused(work, label, jobs, FORMS[name], text, sample_rows, 1)
        seconds, error = fused(work, label, jobs, FORMS[name], text, rows, runs)
        for job, of_job in zip(jobs, seconds, strict=True):
            records.append(
                {
                    "model": label,
                    "text": text,
                    "form": name,
                    "contender": job.name,
                    "variant": job.variant,
                    "slots": slots,
                    "rows": rows,
                    "seconds": of_job,
                    "largest_error": error,
                }
            )
    return records


def contenders(work: Path, label: str, text: Text, rows: int, slots: int) -> list[Job]:
    """Braid, and every rival in the form and batch size that its trial finds fastest."""
    sample = work / "sample"
    write_table(sample, MODELS[label], text, FORMS["flat"], rows)
    jobs: list[Job] = [Braid(slots)]
    for rival in rivals(MODELS[label]):
        trial = Worker(python("worker", rival, label, str(sample), "fp32", "sorted"))
        form, batch_size = trial.variant.split("; batches of ")
        trial.close()
        jobs.append(PySpark(label, slots, rival, form, int(batch_size)))
    shutil.rmtree(sample)
    return jobs


def fused(
    work: Path, label: str, jobs: Sequence[Job], form: Form, text: Text, rows: int, runs: int
) -> tuple[list[list[float]], float]:
    """Fuses a new table with all jobs in turn: the seconds by job, and the largest error."""
    features, outputs = work / "features", work / "fused"
    write_table(features, MODELS[label], text, form, rows)
    of_jobs: list[list[float]] = [[] for _ in jobs]
    error = 0.0
    for _ in range(runs):
        for job, of_job in zip(jobs, of_jobs, strict=True):
            of_job.append(job.fuse(work / "model", features, form, outputs / job.name).seconds)
            print(f"# {form.name}, {text}, {rows} rows: {job.name} {of_job[-1]:.1f} s", flush=True)
            error = max(error, compare_tables(outputs / jobs[0].name, outputs / job.name))
        shutil.rmtree(outputs)
    shutil.rmtree(features)
    return of_jobs, error
