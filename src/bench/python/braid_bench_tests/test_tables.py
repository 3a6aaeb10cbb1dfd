"""All forms of storage hold the same rows, and tables that differ are not taken for equal."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from braid_bench.catalogue import MODELS
from braid_bench.jobs import Job, compare_tables, timed
from braid_bench.models import Floats, Text
from braid_bench.rows import FeatureColumn
from braid_bench.tables import FORMS, FUSED, KEY, Form, write_table

KEYS = ["a", "b", "c"]
VECTORS = np.array([[0.5, -1.0], [20.0, 3.0], [0.0, 1.0]], np.float32)


@pytest.mark.parametrize("text", MODELS["small"].texts)
def test_every_form_holds_the_same_numbers(tmp_path: Path, text: Text) -> None:
    columns = {}
    for name, form in FORMS.items():
        write_table(tmp_path / name, MODELS["small"], text, form, 50)
        batch = pq.read_table(tmp_path / name).combine_chunks().to_batches()[0].slice(3, 40)
        of_modalities = MODELS["small"].modalities
        columns[name] = [FeatureColumn.of(batch.column(m.name), m.token_size, form.dtype) for m in of_modalities]
    for modality, expected in enumerate(columns["nested"]):
        for of_form in columns.values():
            assert of_form[modality].offsets.tolist() == expected.offsets.tolist()
            assert torch.equal(of_form[modality].numbers.float(), expected.numbers)


def test_errors_are_relative_to_the_length_of_the_vector_and_order_does_not_matter(tmp_path: Path) -> None:
    expected = write(tmp_path / "expected", KEYS, VECTORS)
    other = VECTORS + np.array([[0.0, 0.0], [1e-3, 0.0], [0.0, 0.0]], np.float32)
    actual = write(tmp_path / "actual", KEYS[::-1], other[::-1])
    assert compare_tables(expected, actual) == pytest.approx(4.945e-5, rel=0.01)


@pytest.mark.parametrize("wrong", [VECTORS + np.float32(3e-4), VECTORS[::-1], VECTORS * np.float32(np.nan)])
def test_other_numbers_are_refused(tmp_path: Path, wrong: Floats) -> None:
    expected = write(tmp_path / "expected", KEYS, VECTORS)
    with pytest.raises(ValueError, match="Cannot time actual: expected errors up to 0.0001"):
        compare_tables(expected, write(tmp_path / "actual", KEYS, wrong))


@pytest.mark.parametrize("keys", [["a", "b", "d"], ["a", "b"], ["a", "b", "c", "c"]])
def test_other_rows_are_refused(tmp_path: Path, keys: list[str]) -> None:
    expected = write(tmp_path / "expected", KEYS, VECTORS)
    actual = write(tmp_path / "actual", keys, np.resize(VECTORS, (len(keys), 2)))
    with pytest.raises(ValueError, match="Cannot compare actual: expected the 3 rows of expected"):
        compare_tables(expected, actual)


def test_jobs_take_turns(tmp_path: Path) -> None:
    order = []

    def fuse(name: str, _: Path, __: Form, output: Path) -> str:
        order.append(name)
        output.parent.mkdir(exist_ok=True)
        write(output, KEYS, VECTORS)
        return f"seconds  {len(order)}.5"

    jobs: dict[tuple[str, str], Job] = {(name, ""): partial(fuse, name) for name in ("Braid", "A", "B")}
    taken, error = timed(tmp_path, "small", jobs, FORMS["flat"], "dense", 3, 2)
    assert order == ["Braid", "A", "B", "A", "B", "Braid"]
    assert taken == {"Braid": [1.5, 6.5], "A": [2.5, 4.5], "B": [3.5, 5.5]}
    assert error == 0.0


def write(directory: Path, keys: Sequence[str], vectors: Floats) -> Path:
    directory.mkdir()
    fused = pa.array(vectors.tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table({KEY: pa.array(keys), FUSED: fused}), directory / "part.parquet")
    return directory
