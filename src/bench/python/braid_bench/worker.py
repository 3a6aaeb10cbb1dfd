"""python -m braid_bench.worker RIVAL MODEL TABLE PRECISION ORDER [FORM BATCH_SIZE]: a rival in a process of its own.

ORDER is `sorted` (all rows by length) or `arrival`. Without a form and a batch size, a trial picks the fastest ones. Then it
answers requests as `dev.braid.bench.Worker` does. Inputs are padded before the time begins.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow.parquet as pq
import torch

from braid_bench.catalogue import MODELS
from braid_bench.forms import Form, Forms, rivals
from braid_bench.models import Floats, Model
from braid_bench.rows import FeatureColumn, feature_columns, mini_batches

#: Rows of a mini-batch that a trial compares; rows of few tokens make batches of as many tokens.
BATCH_SIZES = (1, 2, 4, 8, 16, 32)

#: Mini-batches of the largest size in a trial. Of fewer rows, sorted ones would be as different in length as any.
_LARGEST_BATCHES = 8


class Rival:
    """A form, loaded, and the rows in its mini-batches."""

    def __init__(self, form: Form, columns: Sequence[FeatureColumn], batch_size: int, ordered: bool) -> None:
        self.form = form
        self.batches = list(mini_batches(columns, batch_size, ordered))

    def run(self) -> list[Floats]:
        return [self.form.fuse(batch) for _, batch in self.batches]

    def seconds(self) -> float:
        start = time.perf_counter()
        self.run()
        return time.perf_counter() - start

    def means(self) -> Floats:
        """In arrival order."""
        means = np.concatenate(self.run())
        return means[np.argsort(np.concatenate([rows for rows, _ in self.batches]))]


def fastest(forms: Forms, model: Model, columns: Sequence[FeatureColumn], ordered: bool) -> tuple[str, int]:
    """The form and the batch size that take the least time on the first rows, or on all if there are few; two passes each."""
    scale = max(1, MODELS["ii"].tokens // model.tokens)
    rows = _LARGEST_BATCHES * scale * max(BATCH_SIZES)
    first = [FeatureColumn(column.numbers, column.offsets[: rows + 1]) for column in columns]
    seconds = {}
    for name, load in forms.items():
        for size in BATCH_SIZES:
            contender = Rival(load(), first, scale * size, ordered)
            seconds[name, scale * size] = min(contender.seconds() for _ in range(2))
    return min(seconds, key=seconds.__getitem__)


def main(rival: str, label: str, table: str, precision: str, order: str, form: str = "", size: str = "0") -> None:
    logging.disable(logging.WARNING)  # of the exporter
    torch.set_num_threads(1)
    model, ordered = MODELS[label], order == "sorted"
    columns = feature_columns(pq.read_table(table).combine_chunks().to_batches()[0], model.modalities)
    forms: Forms = {name: cache(load) for name, load in rivals(model, precision)[rival].items()}
    name, batch_size = (form, int(size)) if form else fastest(forms, model, columns, ordered)
    contender = Rival(forms[name](), columns, batch_size, ordered)
    print(f"ready {name}; batches of {batch_size}", flush=True)
    for request in sys.stdin:
        if request.startswith("fuse "):
            contender.means().tofile(request.removeprefix("fuse ").rstrip("\n"))
            print("done", flush=True)
        else:
            processor = time.process_time()
            print(contender.seconds(), time.process_time() - processor, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
