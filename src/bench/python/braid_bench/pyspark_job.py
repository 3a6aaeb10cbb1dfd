"""python -m braid_bench.pyspark_job SHAPE MODEL TABLE OUTPUT ENCODER BATCH_SIZE: a PySpark job that does what Braid does.

It reads a paired table, fuses it in Python workers (`worker.Fuser`) and writes keys and means as Parquet. Its last line
is `seconds S`: from a session that has started to the output that is there.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from braid_bench.choice import Choice
from braid_bench.shape import COMPARED, SHAPES, Shape
from braid_bench.tables import FUSED, KEY

#: Rows that the Parquet reader and an Arrow batch hold. Rows are half a megabyte: Spark's own 4,096 and 10,000 rows
#: would be gigabytes. The larger an Arrow batch, the more alike are the lengths of the rows that are padded together, and
#: the longer its worker waits for it: the fastest of 32 to 1,024, and of 16 to 256 for the reader, which all lie within 10 %.
#: As many bytes of smaller rows, but no more rows than Spark's own numbers.
_BATCH_BYTES = 64 * COMPARED.row_bytes
_READER_ROWS = 4096
_ARROW_ROWS = 10_000


def main(shape: str, model: str, table: str, output: str, encoder: str, batch_size: str) -> None:
    spark = session(SHAPES[shape])
    start = time.perf_counter()
    rows = spark.read.parquet(table)
    key = rows.schema[KEY].dataType.simpleString()
    fuse = partial(fuse_partition, SHAPES[shape], Path(model), Choice(encoder, int(batch_size)))
    fused = rows.mapInArrow(fuse, f"{KEY} {key}, {FUSED} array<float>")
    fused.write.option("compression", "zstd").option("parquet.enable.dictionary", "false").parquet(output)
    print(f"seconds {time.perf_counter() - start:.3f}", flush=True)
    spark.stop()


def fuse_partition(
    shape: Shape, model: Path, choice: Choice, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Runs in a Python worker, which alone loads the model's libraries."""
    from braid_bench.worker import Fuser

    return Fuser(model, shape, choice)(batches)


def session(shape: Shape) -> SparkSession:
    """Two task slots, workers of this Python, half of the machine's memory, and batches for the size of the rows."""
    rows = _BATCH_BYTES // shape.row_bytes
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("rival")
    for setting, value in {
        "spark.driver.memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 21}m",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.parquet.columnarReaderBatchSize": min(rows, _READER_ROWS),
        "spark.sql.execution.arrow.maxRecordsPerBatch": min(rows, _ARROW_ROWS),
    }.items():
        builder = builder.config(setting, value)
    return builder.getOrCreate()


if __name__ == "__main__":
    main(*sys.argv[1:])
