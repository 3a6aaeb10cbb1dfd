"""python -m braid_bench.trial SHAPE MODEL TABLE: which encoder and which batch size are fastest here, for either rival.

Prints `{RIVAL: {"encoder": ..., "batch_size": ...}, ...}`. It runs on one thread, in a process of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from braid_bench.choice import Choice
from braid_bench.encoders import ENCODERS, RIVALS
from braid_bench.shape import COMPARED, SHAPES, Shape
from braid_bench.worker import Fuser

#: Rows of a mini-batch of the compared shape; shorter rows make batches of as many tokens.
BATCH_SIZES = (8, 16, 32, 64)

_ROWS = 128
_WARM_UP_ROWS = 16

#: Choices that are as good as the best at first sight, and how often they are then timed in turn.
_FINALISTS = 3
_ROUNDS = 2


def main(shape: str, model: str, table: str) -> None:
    torch.set_num_threads(1)
    rows = scaled(SHAPES[shape], _ROWS)
    batch = pq.read_table(table).slice(0, rows).combine_chunks().to_batches()[0]
    chosen = {rival: fastest(SHAPES[shape], Path(model), batch, encoders) for rival, encoders in RIVALS.items()}
    print(json.dumps({rival: asdict(choice) for rival, choice in chosen.items()}))


def scaled(shape: Shape, rows: int) -> int:
    """As many tokens as so many rows of the compared shape have, in rows of another."""
    return rows * COMPARED.tokens // shape.tokens


def fastest(shape: Shape, model: Path, batch: pa.RecordBatch, encoders: Iterable[str]) -> Choice:
    """Times every encoder at every batch size once, then the first few in turn; the least time counts."""
    seconds = {}
    for encoder in encoders:
        for batch_size in BATCH_SIZES:
            contender = _Contender(shape, model, Choice(encoder, scaled(shape, batch_size)))
            contender.seconds(batch.slice(0, scaled(shape, _WARM_UP_ROWS)))
            seconds[contender] = contender.seconds(batch)
    finalists = sorted(seconds, key=seconds.__getitem__)[:_FINALISTS]
    for _ in range(_ROUNDS):
        for contender in finalists:
            seconds[contender] = min(seconds[contender], contender.seconds(batch))
    return min(finalists, key=seconds.__getitem__).choice


class _Contender:
    """A choice, loaded."""

    def __init__(self, shape: Shape, model: Path, choice: Choice) -> None:
        self.choice = choice
        self.fuser = Fuser(model, shape, choice)
        self.encoder = ENCODERS[choice.encoder](model, shape)

    def seconds(self, batch: pa.RecordBatch) -> float:
        start = time.perf_counter()
        self.fuser.fused(self.encoder, batch)
        return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
