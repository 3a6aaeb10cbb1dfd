"""Braid next to itself: two task slots next to one, its memory with few rows next to very many, and what starts cost."""

from __future__ import annotations

import shutil
from pathlib import Path

from braid_bench.comparison import figures, say
from braid_bench.model import write_model
from braid_bench.processes import Braid, Run, demo
from braid_bench.records import Record
from braid_bench.shape import COMPARED, SMALL
from braid_bench.tables import FORMS, write_table

_FORM = FORMS["float16"]

#: Enough for Spark and its reader. It is taken whole at the start, so that what grows is not the heap.
_HEAP = "1g"

#: Tasks of so many rows, next to one task of them all.
_TASKS, _ROWS_OF_A_TASK = 401, 10


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


def start(work: Path, repetitions: int) -> list[Record]:
    """Seconds of the demo, from its command to its end, and what a task of ten rows costs beyond its rows."""
    model, features, output = work / "small", work / "features", work / "fused"
    write_model(model, SMALL)
    rows = _TASKS * _ROWS_OF_A_TASK
    write_table(features, SMALL, "ragged", _FORM, rows)
    demo(output)  # the first one behind a build does more
    shutil.rmtree(output)
    demos: list[float] = []
    tasks: list[float] = []
    for _ in range(repetitions):
        demos.append(demo(output).process_seconds)
        shutil.rmtree(output)
        seconds = []
        for partitions in (1, _TASKS):
            seconds.append(Braid(slots=1, partitions=partitions).fuse(model, features, _FORM, output).job_seconds)
            shutil.rmtree(output)
        tasks.append((seconds[1] - seconds[0]) / (_TASKS - 1))
        say(f"demo {demos[-1]:.1f} s, a task of {_ROWS_OF_A_TASK} rows {1e3 * tasks[-1]:.1f} ms")
    shutil.rmtree(features)
    shutil.rmtree(model)
    return [{"demo_seconds": demos, "task_rows": _ROWS_OF_A_TASK, "task_seconds": tasks}]
