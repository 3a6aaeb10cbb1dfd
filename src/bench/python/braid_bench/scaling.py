"""Braid next to itself: two task slots next to one, and its memory with few rows next to very many."""

from __future__ import annotations

import shutil
from pathlib import Path

from braid_bench.comparison import figures, say
from braid_bench.model import write_model
from braid_bench.processes import Braid, Run
from braid_bench.records import Record
from braid_bench.shape import COMPARED, SMALL
from braid_bench.tables import FORMS, write_table

_FORM = FORMS["float16"]

#: Enough for Spark and its reader. It is taken whole at the start, so that what grows is not the heap.
_HEAP = "1g"


def slots(work: Path, model: Path, rows: int, repetitions: int) -> list[Record]:
    """The rate of one task slot and of two, in turn, over dense float16 rows."""
    features, output = work / "features", work / "fused"
    write_table(features, COMPARED, "dense", _FORM, rows)
    runs: dict[int, list[Run]] = {1: [], 2: []}
    for _ in range(repetitions):
        for count, of_count in runs.items():
            of_count.append(Braid(slots=count).fuse(model, features, _FORM, output))
            say(f"{count} slots, {rows} rows: {of_count[-1].job_seconds:.1f} s")
            shutil.rmtree(output)
    shutil.rmtree(features)
    return [{"slots": count, "rows": rows, **figures(of_count, rows)} for count, of_count in runs.items()]


def memory(work: Path, rows: tuple[int, int]) -> list[Record]:
    """The peak resident memory of Braid's process with one task slot over few and over many small rows."""
    model, features, output = work / "small", work / "features", work / "fused"
    write_model(model, SMALL)
    records: list[Record] = []
    for count in rows:
        tokens = write_table(features, SMALL, "ragged", _FORM, count)
        run = Braid(slots=1, heap=_HEAP).fuse(model, features, _FORM, output)
        say(f"{count} small rows: {run.peak_bytes >> 20} MiB at most, {run.job_seconds:.1f} s")
        records.append({"rows": count, "tokens": tokens, "peak_bytes": run.peak_bytes, "seconds": [run.job_seconds]})
        shutil.rmtree(output)
        shutil.rmtree(features)
    return records
