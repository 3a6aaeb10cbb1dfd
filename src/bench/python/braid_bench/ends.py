"""Braid's reading and writing next to PyArrow's on the same files, one thread each.

Braid's time is what its own stages took in a job with one task slot: read, decode and pack for reading, write for writing.
Each run fuses a table of n rows and one of 2n rows and takes the difference: what happens once, such as interpreting code
that is compiled later, cancels out, and the cost of n rows in a long job remains.

PyArrow's time is the processor time of this process, with every thread that it starts, for n rows. Every way that a good
user might choose is tried once on the same files, and the fastest one counts. Stages count wall-clock time, so the two
compare only on a quiet machine.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from braid_bench.catalogue import MODELS
from braid_bench.models import Model
from braid_bench.processes import Braid
from braid_bench.tables import FORMS, KEY, Form, binary_column, write_table

#: Forms of stored features; a quick run measures the first two.
READ = (FORMS["nested"], FORMS["float16"], FORMS["flat"], Form("float32", "zstd", "float32", binary_column))

_READ_STAGES = ("read", "decode", "pack")

#: The level at which both write zstd: PyArrow's default. parquet-java's is 3.
ZSTD_LEVEL = 1

_BRAID = Braid(
    slots=1,
    conf=(f"spark.hadoop.parquet.compression.codec.zstd.level={ZSTD_LEVEL}",),
    options=("--profile", "--no-verify"),
)


@dataclass(frozen=True)
class Way:
    """How PyArrow works.

    pool: where Arrow takes its memory from; what it returns there is reused.
    batch_rows: read at once; a row group where None.
    """

    pool: str
    batch_rows: int | None = None


#: Few rows at once stay in the processor's caches, whole row groups cost fewer calls.
READ_WAYS = tuple(Way(pool, rows) for pool in pa.supported_memory_backends() for rows in (8, None))
WRITE_WAYS = tuple(Way(pool) for pool in pa.supported_memory_backends())


@dataclass(frozen=True)
class Written:
    """What is written of a row.

    options: that make Braid write it.
    vectors: per row.
    rows: written for each row of the tables that are read, so that both ends have enough to do.
    """

    name: str
    options: tuple[str, ...]
    vectors: int
    rows: int


#: Forms of vectors; a quick run measures the first two.
WRITTEN = (
    Written("pooled, array", (), 1, 100),
    Written("pooled, float16", ("--vectors", "float16"), 1, 100),
    Written("pooled, float32", ("--vectors", "float32"), 1, 100),
    Written("tokens, array", ("--emit", "tokens"), MODELS["write"].tokens, 10),
    Written("tokens, float16", ("--emit", "tokens", "--vectors", "float16"), MODELS["write"].tokens, 10),
)


@dataclass
class End:
    """What either took for the same numbers, an entry per repetition.

    end: read or write.
    form: of the features, or of the vectors.
    """

    end: str
    form: str
    rows: int
    numbers: int
    braid_seconds: list[float] = field(default_factory=list)
    pyarrow_seconds: list[float] = field(default_factory=list)

    def add(self, braid_seconds: float, pyarrow_seconds: float) -> None:
        self.braid_seconds.append(braid_seconds)
        self.pyarrow_seconds.append(pyarrow_seconds)
        print(f"# {self.end} {self.form}: Braid {braid_seconds:.2f} s, PyArrow {pyarrow_seconds:.2f} s", flush=True)


def measure(work: Path, rows: int, runs: int, forms: int | None = None) -> list[dict[str, Any]]:
    """The first `forms` forms of features, then of vectors; `rows` are read."""
    torch.set_num_threads(1)
    ends = [reading(work, form, rows, runs) for form in READ[:forms]]
    ends += [writing(work, written, rows * written.rows, runs) for written in WRITTEN[:forms]]
    return [vars(end) for end in ends]


def reading(work: Path, form: Form, rows: int, runs: int) -> End:
    """From the files to packed float32, or to one float32 array per batch and modality."""
    model = MODELS["read"]
    end = End("read", form.name, rows, rows * sum(m.tokens * m.feature_size for m in model.modalities))
    tables = Tables(work, model, form, rows)
    read = partial(read_through, tables.once, form)
    fastest = fastest_way(READ_WAYS, read)
    for _ in range(runs):
        end.add(tables.braid_seconds(_BRAID, _READ_STAGES), processor_seconds(read, fastest))
        shutil.rmtree(tables.fused)
    shutil.rmtree(tables.directory)
    return end


def writing(work: Path, written: Written, rows: int, runs: int) -> End:
    """From fused vectors in memory to files."""
    model = MODELS["write"]
    end = End("write", written.name, rows, rows * written.vectors * model.hidden_size)
    tables = Tables(work, model, FORMS["float16"], rows)
    braid = replace(_BRAID, options=(*_BRAID.options, *written.options))
    for _ in range(runs):
        braid_seconds = tables.braid_seconds(braid, ("write",))
        files = [(pq.read_table(file), row_group_rows(file)) for file in sorted(tables.fused.glob("*.parquet"))]
        write = partial(write_files, files, tables.directory / "copies")
        end.add(braid_seconds, processor_seconds(write, fastest_way(WRITE_WAYS, write)))
        shutil.rmtree(tables.fused)
    shutil.rmtree(tables.directory)
    return end


class Tables:
    """An exported model, and tables of its first rows: `once` has `rows`, `twice` has twice as many.

    fused: what Braid made of `once`, after a run.
    """

    def __init__(self, work: Path, model: Model, form: Form, rows: int) -> None:
        self.directory = work / "ends"
        names = "model", "once", "twice", "fused"
        self.model, self.once, self.twice, self.fused = (self.directory / name for name in names)
        self.form = form
        self.directory.mkdir()
        model.export(self.model)
        write_table(self.once, model, "dense", form, rows)
        write_table(self.twice, model, "dense", form, 2 * rows)

    def braid_seconds(self, braid: Braid, stages: Sequence[str]) -> float:
        """What the rows that `once` lacks cost in some stages."""
        seconds = []
        for features in (self.twice, self.once):
            shutil.rmtree(self.fused, ignore_errors=True)
            run = braid.fuse(self.model, features, self.form, self.fused)
            seconds.append(sum(run.stage_seconds[stage] for stage in stages))
        return seconds[0] - seconds[1]


def fastest_way(ways: Sequence[Way], work: Callable[[Way], None]) -> Way:
    """Of one trial each, after a first one that brings the files into the page cache."""
    work(ways[0])
    seconds = {way: processor_seconds(work, way) for way in ways}
    return min(seconds, key=seconds.__getitem__)


def processor_seconds(work: Callable[[Way], None], way: Way) -> float:
    pa.set_memory_pool(getattr(pa, f"{way.pool}_memory_pool")())
    start = time.process_time()
    work(way)
    return time.process_time() - start


def read_through(directory: Path, form: Form, way: Way) -> None:
    """Takes every array that there is."""
    for _ in read_files(directory, form, way):
        pass


def read_files(directory: Path, form: Form, way: Way) -> Iterator[Tensor]:
    """The features of every batch and modality, as PyArrow reads them on one thread; each is valid until the next."""
    columns = [modality.name for modality in MODELS["read"].modalities]
    converted = torch.empty(0)
    for path in sorted(directory.glob("*.parquet")):
        # The files are in the page cache: a map of them spares a copy, and there is nothing to read ahead.
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
            for batch in _batches(file, [KEY, *columns], way):
                for column in columns:
                    numbers = _numbers(batch.column(column), form)
                    if numbers.dtype != torch.float32:
                        if len(converted) < len(numbers):
                            converted = torch.empty(len(numbers))
                        numbers = converted[: len(numbers)].copy_(numbers)
                    yield numbers


def _batches(file: pq.ParquetFile, columns: list[str], way: Way) -> Iterator[pa.RecordBatch]:
    if way.batch_rows is not None:
        yield from file.iter_batches(way.batch_rows, columns=columns, use_threads=False)
        return
    for group in range(file.num_row_groups):
        yield from file.read_row_group(group, columns, use_threads=False).to_batches()


def _numbers(column: pa.Array, form: Form) -> Tensor:
    """All numbers of a column as they are stored, in Arrow's memory."""
    if pa.types.is_binary(column.type):
        number = pa.from_numpy_dtype(form.dtype)
        _, ends, data = column.buffers()
        bounds = np.frombuffer(ends, np.int32)[[column.offset, column.offset + len(column)]] // (number.bit_width // 8)
        column = pa.Array.from_buffers(number, bounds[1], [None, data])[bounds[0] :]
    while pa.types.is_list(column.type):
        column = column.flatten()
    return from_dlpack(column)


def row_group_rows(file: Path) -> int:
    """Rows of the largest row group."""
    metadata = pq.read_metadata(file)
    return max((metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)), default=1)


def write_files(files: Sequence[tuple[pa.Table, int]], directory: Path, _: Way) -> None:
    """A file for each table, in row groups of so many rows, with the compression that Braid uses."""
    directory.mkdir(exist_ok=True)
    for number, (rows, of_group) in enumerate(files):
        file = directory / f"{number}.parquet"
        pq.write_table(
            rows, file, row_group_size=of_group, compression="zstd", compression_level=ZSTD_LEVEL, use_dictionary=False
        )
