"""The two ends of Braid's way next to PyArrow on the same files, one thread each: reading features, writing vectors.

Braid's time is that of its own stages in a job with one task slot: read, decode and pack for reading, write for writing.
PyArrow's is the processor time of this process, with every thread that it starts.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from braid_bench.arrays import Floats, Numbers
from braid_bench.comparison import say
from braid_bench.model import write_model
from braid_bench.processes import Braid
from braid_bench.records import Record, table
from braid_bench.shape import COMPARED, Shape
from braid_bench.tables import FORMS, KEY, Form, binary_column, write_table

#: Forms of stored features.
READ = (FORMS["nested"], FORMS["flat"], FORMS["float16"], Form("float32", "zstd", "float32", binary_column))

#: Rows of the size that is compared, and a model that is small beside them.
READ_SHAPE = replace(COMPARED, hidden_size=32, heads=2, layers=1, intermediate_size=64)

#: Rows of 10 tokens of which little is read and much is written: vectors of 256 numbers.
WRITTEN_SHAPE = Shape(16, 16, 256, 8, 1, 64, 4, 6, (4, 8))

_READ_STAGES = ("read", "decode", "pack")
_PROFILE = "--profile", "--no-verify"


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


_TOKENS = WRITTEN_SHAPE.tokens
WRITTEN = (
    Written("pooled, array", (), 1, 100),
    Written("pooled, float32", ("--vectors", "float32"), 1, 100),
    Written("pooled, float16", ("--vectors", "float16"), 1, 100),
    Written("tokens, array", ("--emit", "tokens"), _TOKENS, 10),
    Written("tokens, float16", ("--emit", "tokens", "--vectors", "float16"), _TOKENS, 10),
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
        say(f"{self.end} {self.form}, {self.rows} rows: Braid {braid_seconds:.2f} s, PyArrow {pyarrow_seconds:.2f} s")


def ends(work: Path, rows: int, repetitions: int) -> list[Record]:
    """Every form of features, then every form of vectors; `rows` are read."""
    measured = [reading(work, form, rows, repetitions) for form in READ]
    measured += [writing(work, written, rows * written.rows, repetitions) for written in WRITTEN]
    return [vars(end) for end in measured]


def reading(work: Path, form: Form, rows: int, repetitions: int) -> End:
    """From the files to packed float32, or to one float32 array per file and modality."""
    model, features, output = work / "small", work / "features", work / "fused"
    write_model(model, READ_SHAPE)
    write_table(features, READ_SHAPE, "dense", form, rows)
    tokens = READ_SHAPE.visual_tokens, READ_SHAPE.text_tokens
    row_numbers = sum(n * m.feature_size for n, m in zip(tokens, READ_SHAPE.modalities, strict=True))
    end = End("read", form.name, rows, rows * row_numbers)
    for _ in range(repetitions):
        stages = Braid(slots=1, options=_PROFILE).fuse(model, features, form, output).stage_seconds
        end.add(sum(stages[stage] for stage in _READ_STAGES), processor_seconds(lambda: read_files(features, form)))
        shutil.rmtree(output)
    shutil.rmtree(features)
    shutil.rmtree(model)
    return end


def writing(work: Path, written: Written, rows: int, repetitions: int) -> End:
    """From fused vectors in memory to files."""
    model, features, output, copies = work / "small", work / "features", work / "fused", work / "copies"
    form = FORMS["float16"]
    write_model(model, WRITTEN_SHAPE)
    write_table(features, WRITTEN_SHAPE, "dense", form, rows)
    end = End("write", written.name, rows, rows * written.vectors * WRITTEN_SHAPE.hidden_size)
    for _ in range(repetitions):
        braid = Braid(slots=1, options=(*_PROFILE, *written.options)).fuse(model, features, form, output)
        files = [(pq.read_table(file), row_group_rows(file)) for file in sorted(output.glob("*.parquet"))]
        copies.mkdir()
        end.add(braid.stage_seconds["write"], processor_seconds(lambda: write_files(files, copies)))
        for directory in (output, copies):
            shutil.rmtree(directory)
    shutil.rmtree(features)
    shutil.rmtree(model)
    return end


def processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def read_files(directory: Path, form: Form) -> list[Floats]:
    """The features of every file and modality as one array, as PyArrow reads them on one thread."""
    columns = [modality.name for modality in READ_SHAPE.modalities]
    arrays = []
    for file in sorted(directory.glob("*.parquet")):
        rows = pq.read_table(file, columns=[KEY, *columns], use_threads=False)
        arrays += [floats(rows[column], form) for column in columns]
    return arrays


def floats(column: pa.ChunkedArray, form: Form) -> Floats:
    """All numbers of a column in one float32 array."""
    return np.concatenate([_numbers(chunk, form) for chunk in column.chunks], dtype=np.float32)


def _numbers(chunk: pa.Array, form: Form) -> Numbers:
    """As they are stored, in Arrow's memory."""
    if pa.types.is_binary(chunk.type):
        _, ends, data = chunk.buffers()
        bounds = np.frombuffer(ends, np.int32)[[chunk.offset, chunk.offset + len(chunk)]]
        return np.frombuffer(data, np.uint8)[bounds[0] : bounds[1]].view(form.dtype)
    while pa.types.is_list(chunk.type):
        chunk = chunk.flatten()
    return cast(Numbers, chunk.to_numpy())


def row_group_rows(file: Path) -> int:
    """Rows of the largest row group."""
    metadata = pq.read_metadata(file)
    return max((metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)), default=1)


def write_files(files: Sequence[tuple[pa.Table, int]], directory: Path) -> None:
    """A file for each table, in row groups of so many rows, with the compression that Braid uses."""
    for number, (rows, of_group) in enumerate(files):
        file = directory / f"{number}.parquet"
        pq.write_table(rows, file, row_group_size=of_group, compression="zstd", use_dictionary=False)


def ends_table(records: Sequence[Record]) -> str:
    """A line per form, with the median of the ratios."""
    lines = []
    for record in records:
        braid, pyarrow = record["braid_seconds"], record["pyarrow_seconds"]
        ratio = statistics.median(ours / theirs for ours, theirs in zip(braid, pyarrow, strict=True))
        rows, numbers = record["rows"], record["numbers"]
        times = [f"{1e6 * statistics.median(of) / rows:.1f}" for of in (braid, pyarrow)]
        per_number = f"{1e9 * statistics.median(braid) / numbers:.2f}"
        lines.append([record["end"], record["form"], f"{rows:,}", *times, per_number, f"{ratio:.2f}"])
    header = ["end", "form", "rows", "Braid, µs a row", "PyArrow, µs a row", "Braid, ns a number", "Braid / PyArrow"]
    return table(header, lines)
