"""watch_input.py DIRECTORY: the model and the table of .ci/watch."""

import sys
from pathlib import Path

import every_spark
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from every_spark import MODALITIES, RANDOM, write_model

#: Rows per file. One task fuses a whole file; its rows repeat few values, so the file is small.
ROWS, DIFFERENT, TOKENS, WIDTH = 20_000, 8, 50, 256
FILES = 2
BAD = 3


def make(directory):
    every_spark.WIDTH = WIDTH
    write_model(directory / "model")
    (directory / "pairs").mkdir()
    features = {
        modality: [RANDOM.standard_normal((TOKENS, WIDTH)).astype("<f2").tobytes() for _ in range(DIFFERENT)]
        for modality in MODALITIES
    }
    for file in range(FILES):
        columns = {"id": [f"{file}-{row}" for row in range(ROWS)]}
        for modality, values in features.items():
            columns[modality] = [values[row % DIFFERENT] for row in range(ROWS)]
        columns["text"][ROWS // 2 : ROWS // 2 + BAD] = [b"\0\0"] * BAD
        pq.write_table(pa.table(columns), directory / "pairs" / f"{file}.parquet", row_group_size=ROWS, write_page_checksum=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
