"""python -m braid_bench.pyspark_job MODEL TABLE OUTPUT SLOTS RIVAL FORM BATCH_SIZE: a PySpark job that does what Braid does.

It reads a paired table, fuses it in Python workers and writes keys and means as Parquet. Its last line is `seconds S`: from
a session that has started to the output that is there.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from functools import cache, partial

import numpy as np
import pyarrow as pa
import torch
from pyspark.sql import SparkSession

from braid_bench.catalogue import MODELS
from braid_bench.forms import Form, rivals
from braid_bench.models import Model
from braid_bench.rows import feature_columns, mini_batches
from braid_bench.tables import FUSED, KEY, ZSTD_LEVEL

#: Bytes of the rows that the Parquet reader and an Arrow batch hold. Rows of (ii) are half a megabyte: Spark's own 4,096 and
#: 10,000 rows would be gigabytes. Of 32 to 1,024 rows in an Arrow batch and 16 to 256 in the reader, which all lie within
#: 10 %, these 64 were the fastest. Smaller rows take as many bytes, up to Spark's own numbers.
_BATCH_BYTES = 64 * MODELS["ii"].row_bytes


def fused(label: str, rival: str, form: str, batch_size: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """From Arrow batches of features to Arrow batches of keys and means, rows in their order, for `mapInArrow`."""
    model, loaded = MODELS[label], _loaded(label, rival, form)
    for batch in batches:
        means = np.empty((len(batch), model.hidden_size), np.float32)
        for rows, mini_batch in mini_batches(feature_columns(batch, model.modalities), batch_size, ordered=True):
            means[rows] = loaded.fuse(mini_batch)
        offsets = np.arange(len(batch) + 1, dtype=np.int32) * model.hidden_size
        vectors = pa.ListArray.from_arrays(pa.array(offsets), pa.array(means.reshape(-1)))
        yield pa.record_batch({KEY: batch.column(KEY), FUSED: vectors})


@cache
def _loaded(label: str, rival: str, form: str) -> Form:
    """The model, once per Python worker."""
    torch.set_num_threads(1)
    return rivals(MODELS[label], "fp32")[rival][form]()


def arrow_rows(model: Model) -> int:
    """Rows of an Arrow batch, which a rival sorts together."""
    return min(_BATCH_BYTES // model.row_bytes, 10_000)


def session(label: str, slots: str) -> SparkSession:
    """Task slots, Python workers of this Python, half of the machine's memory, and batches for the size of the rows."""
    rows = arrow_rows(MODELS[label])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(f"local[{slots}]").appName("rival")
    for setting, value in {
        "spark.driver.memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 21}m",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.parquet.columnarReaderBatchSize": min(rows, 4096),
        "spark.sql.execution.arrow.maxRecordsPerBatch": rows,
    }.items():
        builder = builder.config(setting, value)
    return builder.getOrCreate()


def main(label: str, table: str, output: str, slots: str, rival: str, form: str, batch_size: str) -> None:
    from braid_bench.pyspark_job import fused  # by its name in the workers, which keep the model between tasks

    spark = session(label, slots)
    start = time.perf_counter()
    rows = spark.read.parquet(table)
    vectors = rows.mapInArrow(partial(fused, label, rival, form, int(batch_size)), f"{KEY} string, {FUSED} array<float>")
    writer = vectors.write.option("compression", "zstd").option("parquet.compression.codec.zstd.level", ZSTD_LEVEL)
    writer.option("parquet.enable.dictionary", "false").parquet(output)
    print(f"seconds {time.perf_counter() - start:.3f}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
