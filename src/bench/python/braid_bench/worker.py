"""python -m braid_bench.worker RIVAL MODEL TABLE PRECISION ORDER [FORM BATCH_SIZE]: a rival in a process of its own.

ORDER is `sorted` (all rows by length) or `arrival`. Without a form and a batch size, a trial picks the fastest ones. Then it
answers requests as `dev.braid.bench.Worker` does: `time` fuses all rows once and answers with seconds and processor seconds,
`fuse FILE` writes the rows' means to a file. Inputs are padded before the time begins.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq
import torch

from braid_bench.catalogue import MODELS
from braid_bench.forms import DTYPES, Form, rivals
from braid_bench.models import Floats, Ints, Model
from braid_bench.rows import FeatureColumn, MiniBatch, feature_columns, mini_batches

#: Rows of a mini-batch that a trial compares; rows of few tokens make batches of as many tokens.
BATCH_SIZES = (1, 2, 4, 8, 32)

#: The batch size at which a trial compares all forms; the best ones then try every size.
_FIRST_SIZE = 8
_FINALISTS = 2


class Rival:
    """A form, loaded, and the rows in its mini-batches."""

    def __init__(self, form: Form, columns: Sequence[FeatureColumn], batch_size: int, ordered: bool) -> None:
        self.form = form
        self.batches: list[tuple[Ints, MiniBatch]] = list(mini_batches(columns, batch_size, ordered))

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


def fastest(
    rival: str, model: Model, columns: Sequence[FeatureColumn], precision: str, ordered: bool
) -> tuple[str, int]:
    """The fastest form and batch size: all forms at one size, twice, then the best two at every size."""
    scale = max(1, MODELS["ii"].tokens // model.tokens)
    few, many = (first_rows(columns, scale * rows) for rows in (_FIRST_SIZE, max(BATCH_SIZES)))
    forms = {name: build(model, DTYPES[precision]) for name, build in rivals(model)[rival].items()}
    at_first = {}
    for name, form in forms.items():
        contender = Rival(form, few, scale * _FIRST_SIZE, ordered)
        at_first[name] = min(contender.seconds() for _ in range(2))
    finalists = sorted(at_first, key=at_first.__getitem__)[:_FINALISTS]
    choices = itertools.product(finalists, (scale * size for size in BATCH_SIZES))
    return min(choices, key=lambda choice: Rival(forms[choice[0]], many, choice[1], ordered).seconds())


def first_rows(columns: Sequence[FeatureColumn], rows: int) -> list[FeatureColumn]:
    return [FeatureColumn(column.numbers, column.offsets[: rows + 1]) for column in columns]


def main(rival: str, label: str, table: str, precision: str, order: str, form: str = "", size: str = "0") -> None:
    torch.set_num_threads(1)
    model, ordered = MODELS[label], order == "sorted"
    columns = feature_columns(pq.read_table(table).combine_chunks().to_batches()[0], model.modalities)
    chosen = (form, int(size)) if form else fastest(rival, model, columns, precision, ordered)
    contender = Rival(rivals(model)[rival][chosen[0]](model, DTYPES[precision]), columns, chosen[1], ordered)
    print(f"ready {chosen[0]}; batches of {chosen[1]}", flush=True)
    for request in sys.stdin:
        if request.startswith("fuse "):
            contender.means().tofile(request.split(" ", 1)[1].rstrip("\n"))
            print("done", flush=True)
        else:
            processor = time.process_time()
            print(contender.seconds(), time.process_time() - processor, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
