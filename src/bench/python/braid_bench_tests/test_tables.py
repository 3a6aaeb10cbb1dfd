"""All forms of storage hold the same rows."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from braid_bench.catalogue import MODELS
from braid_bench.models import TEXTS, Text
from braid_bench.rows import feature_columns
from braid_bench.tables import FORMS, KEY, write_table

SMALL = MODELS["small"]


@pytest.mark.parametrize("text", TEXTS)
def test_every_form_holds_the_same_numbers(tmp_path: Path, text: Text) -> None:
    columns = {}
    for name, form in FORMS.items():
        write_table(tmp_path / name, SMALL, text, form, 50)
        batch = pq.read_table(tmp_path / name).combine_chunks().to_batches()[0]
        columns[name] = feature_columns(batch.slice(3, 40), SMALL.modalities)
    for modality, expected in enumerate(columns["nested"]):
        for of_form in columns.values():
            assert of_form[modality].offsets.tolist() == expected.offsets.tolist()
            assert torch.equal(of_form[modality].numbers.float(), expected.numbers)


def test_a_short_table_is_the_beginning_of_a_longer_one(tmp_path: Path) -> None:
    for rows in (20, 50):
        write_table(tmp_path / str(rows), SMALL, "ragged", FORMS["flat"], rows)
    short, long = (pq.read_table(tmp_path / str(rows)) for rows in (20, 50))
    assert short.equals(long.slice(0, 20))


def test_the_number_of_tokens_is_that_of_the_features(tmp_path: Path) -> None:
    tokens = write_table(tmp_path / "table", SMALL, "ragged", FORMS["float16"], 50)
    batch = pq.read_table(tmp_path / "table").combine_chunks().to_batches()[0]
    assert len(set(batch.column(KEY).to_pylist())) == 50
    assert tokens == sum(int(column.offsets[-1]) for column in feature_columns(batch, SMALL.modalities))
