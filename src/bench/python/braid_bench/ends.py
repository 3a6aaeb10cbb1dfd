"""Braid's reading and writing next to PyArrow's on the same files, one thread each.

Braid's time is what its own stages took in a job with one task slot: read, decode and pack for reading, write for writing.
Each run fuses a table of n rows and one of 2n rows and takes the difference: what happens once, such as interpreting code
that is compiled later, cancels out, and the cost of n rows in a long job remains.

PyArrow's time is the processor time of this process, with every thread that it starts, for n rows. Stages count wall-clock
time, so the two compare only on a quiet machine.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from braid_bench.catalogue import MODELS
from braid_bench.models import Model
from braid_bench.processes import fuse, stages
from braid_bench.rows import FeatureColumn
from braid_bench.tables import FORMS, KEY, ZSTD_LEVEL, Form, write_table

_READ_STAGES = ("read", "decode", "pack")

#: Rows that PyArrow reads at once; the faster counts. Few stay in the processor's caches, a row group costs fewer calls.
READ_ROWS = (8, None)

#: What is written of a row: the options that make Braid write it, and rows for each row of the tables that are read, so that
#: both ends have enough to do.
WRITTEN: dict[str, tuple[Sequence[str], int]] = {
    "pooled, array": ((), 100),
    "pooled, float16": (("--vectors", "float16"), 100),
    "pooled, float32": (("--vectors", "float32"), 100),
    "tokens, array": (("--emit", "tokens"), 10),
    "tokens, float16": (("--emit", "tokens", "--vectors", "float16"), 10),
}


def measure(work: Path, rows: int, runs: int, forms: int | None = None) -> list[dict[str, Any]]:
    """The first `forms` forms of features, then of vectors; `rows` are read."""
    torch.set_num_threads(1)
    records = [reading(work / "ends", form, rows, runs) for form in list(FORMS.values())[:forms]]
    return records + [writing(work / "ends", name, rows, runs) for name in list(WRITTEN)[:forms]]


def reading(work: Path, form: Form, rows: int, runs: int) -> dict[str, Any]:
    """From the files to packed float32, or to one float32 array per batch and modality."""
    tables = Tables(work, MODELS["read"], form, rows)

    def pyarrow_seconds() -> float:
        ways = (partial(read_through, tables.once, form, batch_rows) for batch_rows in READ_ROWS)
        return min(processor_seconds(way) for way in ways)

    return compared(work, ("read", form.name, rows), runs, partial(tables.braid_seconds, _READ_STAGES), pyarrow_seconds)


def writing(work: Path, name: str, rows: int, runs: int) -> dict[str, Any]:
    """From fused vectors in memory to files."""
    options, times = WRITTEN[name]
    tables = Tables(work, MODELS["write"], FORMS["float16"], times * rows)

    def pyarrow_seconds() -> float:
        files = [(pq.read_table(file), row_group_rows(file)) for file in tables.fused.glob("*.parquet")]
        return processor_seconds(partial(write_files, files, work / "copies"))

    braid_seconds = partial(tables.braid_seconds, ("write",), *options)
    return compared(work, ("write", name, times * rows), runs, braid_seconds, pyarrow_seconds)


def compared(
    work: Path, name: tuple[str, str, int], runs: int, braid: Callable[[], float], pyarrow: Callable[[], float]
) -> dict[str, Any]:
    """The seconds of both, in turn; the name is that of the end and of the form, and the rows."""
    braid_seconds, pyarrow_seconds = [], []
    for _ in range(runs):
        braid_seconds.append(braid())
        pyarrow_seconds.append(pyarrow())
        print(f"# {name}: Braid {braid_seconds[-1]:.2f} s, PyArrow {pyarrow_seconds[-1]:.2f} s", flush=True)
    shutil.rmtree(work)
    end, form, rows = name
    return {
        "end": end,
        "form": form,
        "rows": rows,
        "braid_seconds": braid_seconds,
        "pyarrow_seconds": pyarrow_seconds,
    }


class Tables:
    """An exported model, and tables of rows for it: `once` has `rows`, `twice` has twice as many.

    fused: what Braid made of `once`, after a run.
    """

    def __init__(self, work: Path, model: Model, form: Form, rows: int) -> None:
        names = "model", "once", "twice", "fused"
        self.model, self.once, self.twice, self.fused = (work / name for name in names)
        self.form = form
        work.mkdir()
        model.export(self.model)
        write_table(self.once, model, "dense", form, rows)
        write_table(self.twice, model, "dense", form, 2 * rows)

    def braid_seconds(self, of: Sequence[str], *options: str) -> float:
        """What the rows that `once` lacks cost in some stages."""
        seconds = []
        for table in (self.twice, self.once):
            shutil.rmtree(self.fused, ignore_errors=True)
            output = fuse(self.model, table, self.form, self.fused, 1, "--profile", "--no-verify", *options)
            seconds.append(sum(stages(output)[stage] for stage in of))
        return seconds[0] - seconds[1]


def processor_seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def read_through(directory: Path, form: Form, batch_rows: int | None) -> None:
    """Takes every array that there is."""
    for _ in read_files(directory, form, batch_rows):
        pass


def read_files(directory: Path, form: Form, batch_rows: int | None) -> Iterator[Tensor]:
    """The features of every batch and modality, as PyArrow reads them on one thread; each is valid until the next.

    batch_rows: read at once; a row group where None.
    """
    modalities = MODELS["read"].modalities
    columns = [KEY, *(modality.name for modality in modalities)]
    converted = torch.empty(0)
    for path in directory.glob("*.parquet"):
        # The files are in the page cache: a map of them spares a copy, and there is nothing to read ahead.
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_rows or row_group_rows(path), columns=columns, use_threads=False):
                for modality in modalities:
                    numbers = FeatureColumn.of(batch.column(modality.name), modality.token_size, form.dtype).numbers.view(-1)
                    if numbers.dtype != torch.float32:
                        if len(converted) < len(numbers):
                            converted = torch.empty(len(numbers))
                        numbers = converted[: len(numbers)].copy_(numbers)
                    yield numbers


def row_group_rows(file: Path) -> int:
    """Rows of the largest row group."""
    metadata = pq.read_metadata(file)
    return max((metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)), default=1)


def write_files(files: Sequence[tuple[pa.Table, int]], directory: Path) -> None:
    """A file for each table, in row groups of so many rows, with the compression that Braid uses."""
    directory.mkdir(exist_ok=True)
    for number, (rows, of_group) in enumerate(files):
        pq.write_table(
            rows,
            directory / f"{number}.parquet",
            row_group_size=of_group,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=False,
        )
