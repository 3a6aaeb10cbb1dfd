"""What Braid and PyArrow are timed at is the same work, and what is made of their times is right."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from braid_bench.ends import READ, READ_SHAPE, End, ends_table, read_files, row_group_rows, write_files
from braid_bench.processes import stages
from braid_bench.tables import Form, write_table

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
def test_pyarrow_reads_all_numbers_of_every_form(tmp_path: Path, form: Form) -> None:
    write_table(tmp_path / "nested", READ_SHAPE, "dense", READ[0], 70)
    write_table(tmp_path / "table", READ_SHAPE, "dense", form, 70)
    expected = pq.read_table(tmp_path / "nested")
    visual, text = read_files(tmp_path / "table", form)
    assert visual.dtype == text.dtype == np.float32
    for modality, numbers in (("visual", visual), ("text", text)):
        lists = expected[modality].combine_chunks().flatten()
        np.testing.assert_array_equal(numbers, lists.flatten().to_numpy())


def test_pyarrow_writes_the_same_rows_in_row_groups_of_the_same_size(tmp_path: Path) -> None:
    rows = pa.table({"id": ["a", "b", "c", "d", "e"], "fused": [[0.5, 1.5]] * 5})
    write_files([(rows, 2), (rows.slice(0, 3), 3)], tmp_path)
    assert pq.read_table(tmp_path / "0.parquet").equals(rows)
    assert [row_group_rows(tmp_path / f"{file}.parquet") for file in (0, 1)] == [2, 3]
    column = pq.read_metadata(tmp_path / "0.parquet").row_group(0).column(1)
    assert column.compression == "ZSTD" and not column.has_dictionary_page


def test_times_are_per_row_and_per_number_and_the_ratio_is_the_middle_one() -> None:
    end = End("read", "nested", 1000, 2_000_000)
    for braid, pyarrow in ((2.0, 1.0), (9.0, 3.0), (4.0, 1.0)):
        end.add(braid, pyarrow)
    assert ends_table([vars(end)]).splitlines()[1].split() == ["read", "nested", "1,000", "4000.0", "1000.0", "2000.00", "3.00"]
