"""What Braid and PyArrow are timed at is the same work, and what is made of their times is right."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from braid_bench.catalogue import MODELS
from braid_bench.ends import READ_ROWS, Tables, read_files, row_group_rows, write_files
from braid_bench.processes import HOME, stages
from braid_bench.tables import FORMS, ZSTD_LEVEL, Form, write_table

REPORT = """\
rows         390
seconds      5.3
output       file:/data/fused

stage         seconds      %  GFLOP/s
read             0.13   11.0
pack         1,200.20   16.9
feed-forward     0.06    4.9     53.4
total        1,201.15  100.0      4.5
"""


def test_a_profile_is_read_stage_by_stage() -> None:
    assert stages(REPORT) == {"read": 0.13, "pack": 1200.2, "feed-forward": 0.06}


@pytest.mark.parametrize("batch_rows", READ_ROWS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_pyarrow_reads_all_numbers_of_every_form(tmp_path: Path, form: Form, batch_rows: int | None) -> None:
    write_table(tmp_path / "nested", MODELS["read"], "dense", FORMS["nested"], 70)
    write_table(tmp_path / "table", MODELS["read"], "dense", form, 70)
    expected = pq.read_table(tmp_path / "nested")
    arrays = [numbers.clone() for numbers in read_files(tmp_path / "table", form, batch_rows)]
    for modality, of_batches in (("visual", arrays[::2]), ("text", arrays[1::2])):
        numbers = torch.cat(of_batches)
        assert numbers.dtype == torch.float32
        np.testing.assert_array_equal(numbers, expected[modality].combine_chunks().flatten().flatten().to_numpy())


def test_braid_is_charged_for_the_rows_of_the_longer_table_that_the_shorter_one_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_second_and_one_more_a_row(_: Path, table: Path, *__: object) -> str:
        return f"\nstage  seconds\nread  {1 + pq.read_table(table).num_rows}.00  9.0\npack  2.00  9.0\nwrite  100.00  9.0\n"

    monkeypatch.setattr("braid_bench.ends.fuse", one_second_and_one_more_a_row)
    tables = Tables(tmp_path / "work", MODELS["small"], FORMS["float16"], 5)
    assert tables.braid_seconds(("read", "pack")) == 5.0


def test_pyarrow_writes_the_same_rows_in_row_groups_of_the_same_size(tmp_path: Path) -> None:
    rows = pa.table({"id": ["a", "b", "c", "d", "e"], "fused": [[0.5, 1.5]] * 5})
    write_files([(rows, 2), (rows.slice(0, 3), 3)], tmp_path)
    assert pq.read_table(tmp_path / "0.parquet").equals(rows)
    assert [row_group_rows(tmp_path / f"{file}.parquet") for file in (0, 1)] == [2, 3]
    column = pq.read_metadata(tmp_path / "0.parquet").row_group(0).column(1)
    assert column.compression == "ZSTD" and not column.has_dictionary_page


def test_everyone_compresses_as_braid_does_by_default() -> None:
    settings = (HOME / "conf" / "spark-defaults.conf").read_text(encoding="utf-8")
    assert re.findall(r"parquet\.compression\.codec\.zstd\.level +(.*)", settings) == [str(ZSTD_LEVEL)]
