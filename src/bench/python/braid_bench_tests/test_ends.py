"""What Braid and PyArrow are timed at is the same work, and what is made of their times is right."""

import time
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from braid_bench.ends import (
    READ,
    READ_WAYS,
    WRITE_WAYS,
    Tables,
    Way,
    fastest_way,
    read_files,
    row_group_rows,
    write_files,
)
from braid_bench.catalogue import MODELS
from braid_bench.processes import Braid, Run, stages
from braid_bench.tables import FORMS, Form, write_table

REPORT = """\
rows         390
seconds      5.3
output       file:/data/fused

stage         seconds      %  GFLOP/s
read             0.13   11.0
decode           0.01    0.8
pack         1,200.20   16.9
project          0.03    2.4     19.9
feed-forward     0.06    4.9     53.4
write            0.44   37.7
total        1,201.15  100.0      4.5
"""


def test_a_profile_is_read_stage_by_stage() -> None:
    assert stages(REPORT) == {
        "read": 0.13, "decode": 0.01, "pack": 1200.2, "project": 0.03, "feed-forward": 0.06, "write": 0.44
    }  # fmt: skip


def test_a_run_that_was_not_profiled_has_no_stages() -> None:
    assert stages("rows 390\nseconds 5.3\n") == {}


@pytest.mark.parametrize("form", READ, ids=lambda form: form.name)
def test_pyarrow_reads_all_numbers_of_every_form_in_every_way(tmp_path: Path, form: Form) -> None:
    write_table(tmp_path / "nested", MODELS["read"], "dense", READ[0], 70)
    write_table(tmp_path / "table", MODELS["read"], "dense", form, 70)
    expected = pq.read_table(tmp_path / "nested")
    for way in READ_WAYS:
        arrays = [numbers.clone() for numbers in read_files(tmp_path / "table", form, way)]
        for modality, of_batches in (("visual", arrays[::2]), ("text", arrays[1::2])):
            numbers = torch.cat(of_batches)
            assert numbers.dtype == torch.float32
            lists = expected[modality].combine_chunks().flatten()
            np.testing.assert_array_equal(numbers, lists.flatten().to_numpy())


def test_the_fastest_way_is_found_after_a_first_one_that_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {WRITE_WAYS[0]: [9.0, 2.0], WRITE_WAYS[1]: [1.0], WRITE_WAYS[2]: [3.0]}
    clock = [0.0]

    def work(way: Way) -> None:
        clock[0] += seconds[way].pop(0)

    monkeypatch.setattr(time, "process_time", lambda: clock[0])
    assert fastest_way(WRITE_WAYS[:3], work) == WRITE_WAYS[1]
    assert not any(seconds.values())


def test_braid_is_charged_for_the_rows_of_the_longer_table_that_the_shorter_one_lacks(tmp_path: Path) -> None:
    tables = Tables(tmp_path, MODELS["small"], FORMS["float16"], 5)

    class OneSecondAndOneMoreARow:
        def fuse(self, model: Path, features: Path, form: Form, output: Path) -> Run:
            rows = pq.read_table(features).num_rows
            return Run(0.0, {"read": 1.0 + rows, "pack": 2.0, "write": 100.0 * rows})

    braid = cast(Braid, OneSecondAndOneMoreARow())
    assert tables.braid_seconds(braid, ("read", "pack")) == 5.0
    assert tables.braid_seconds(braid, ("write",)) == 500.0


def test_pyarrow_writes_the_same_rows_in_row_groups_of_the_same_size(tmp_path: Path) -> None:
    rows = pa.table({"id": ["a", "b", "c", "d", "e"], "fused": [[0.5, 1.5]] * 5})
    write_files([(rows, 2), (rows.slice(0, 3), 3)], tmp_path, WRITE_WAYS[0])
    assert pq.read_table(tmp_path / "0.parquet").equals(rows)
    assert [row_group_rows(tmp_path / f"{file}.parquet") for file in (0, 1)] == [2, 3]
    column = pq.read_metadata(tmp_path / "0.parquet").row_group(0).column(1)
    assert column.compression == "ZSTD" and not column.has_dictionary_page
